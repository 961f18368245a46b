"""Which accounts rest, and what the log hears of it."""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from services.reaper.desk import Desk
from services.reaper.outages import Outages
from shared.errors import ProviderAway, SecretUnreadable
from shared.telephony.errors import ProviderRefused


@dataclass(frozen=True)
class Some:
    call_id: int = 1
    business_id: int = 1
    account_id: int = 7


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_one_failure_is_no_outage_and_three_in_a_row_are() -> None:
    outages = Outages(Clock())
    with structlog.testing.capture_logs() as logs:
        for _ in range(2):
            outages.failed(Some(), ProviderAway())
        outages.worked(Some())
        for _ in range(2):
            outages.failed(Some(), ProviderAway())
        assert outages.lanes_closed(5) == {}
        for _ in range(20):
            outages.failed(Some(), ProviderAway())
    assert outages.lanes_closed(5) == {7: 5}
    assert [line["event"] for line in logs if line["log_level"] != "debug"] == ["PROVIDER_AWAY"]


def test_an_account_is_probed_by_one_errand_at_a_time_after_growing_pauses() -> None:
    clock = Clock()
    outages = Outages(clock)
    outages.failed(Some(), SecretUnreadable())
    pauses = []
    for _ in range(7):
        began = clock.now
        while outages.lanes_closed(5) == {7: 5}:
            clock.now += 0.5
        assert outages.lanes_closed(5) == {7: 4}
        pauses.append(clock.now - began)
        outages.failed(Some(), ProviderAway())
    assert pauses == [1, 2, 4, 8, 16, 30, 30]


def test_a_provider_that_says_when_to_come_back_is_left_alone_until_then() -> None:
    clock = Clock()
    outages = Outages(clock)
    for _ in range(3):
        outages.failed(Some(), ProviderRefused(20429, 429, "too many", retry_after=60))
    clock.now += 59
    assert outages.lanes_closed(5) == {7: 5}
    clock.now += 1
    assert outages.lanes_closed(5) == {7: 4}


def test_one_answer_ends_an_outage() -> None:
    outages = Outages(Clock())
    outages.failed(Some(), SecretUnreadable())
    with structlog.testing.capture_logs() as logs:
        outages.worked(Some())
        outages.worked(Some())
    assert outages.lanes_closed(5) == {}
    assert [line["event"] for line in logs] == ["PROVIDER_BACK"]


async def test_a_desk_counts_lanes_under_way_and_lanes_closed_up_to_the_limit() -> None:
    clock = Clock()
    outages = Outages(clock)
    desk = Desk(20, 5, outages)
    for _ in range(3):
        desk.enter(7)
    desk.enter(8)
    assert (desk.room, sorted(desk.busy())) == (16, [7, 7, 7, 8])
    outages.failed(Some(), SecretUnreadable())
    assert sorted(desk.busy()) == [7, 7, 7, 7, 7, 8]
    desk.leave(8)
    assert (desk.room, desk.busy()) == (17, [7] * 5)
    await desk.somebody_left(0.01)
