"""Hints wait in order, within bounds, and are sent until they are confirmed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from structlog.testing import capture_logs

from shared import hints
from shared.errors import BrokerAway
from shared.events import RunCreated
from shared.hints import Hint, HintSender, WaitingHints


def run(number: int) -> RunCreated:
    return RunCreated(business_id=1, run_id=number)


def numbers(taken: list[Hint]) -> list[int]:
    return [hint.event.run_id for hint in taken if isinstance(hint.event, RunCreated)]


class Broker:
    """Confirms what it is told to, from the attempt on that it is told to."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.confirmed: list[Hint] = []
        self.tried: list[str] = []
        self.away = False

    async def publish(self, hint: Hint) -> None:
        self.tried.append(hint.message_id)
        await asyncio.sleep(0)
        if self.away or self.failures > 0:
            self.failures -= 1
            raise BrokerAway
        self.confirmed.append(hint)


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hints, "FIRST_PAUSE", 0.01)


def test_identical_hints_wait_once_and_in_order() -> None:
    waiting = WaitingHints()
    for number in (1, 2, 1, 3, 2):
        waiting.add(run(number))
    assert numbers(waiting.take(2)) == [1, 2]
    assert numbers(waiting.take(9)) == [3]


def test_a_hint_that_is_being_sent_does_not_swallow_a_newer_one_like_it() -> None:
    waiting = WaitingHints()
    waiting.add(run(1))
    sending = waiting.take(1)
    waiting.add(run(1))
    assert len(waiting) == 1
    waiting.put_back(sending)
    assert len(waiting) == 1


def test_a_full_buffer_gives_up_its_oldest_and_says_so_once() -> None:
    waiting = WaitingHints(limit=3)
    with capture_logs() as lines:
        for number in range(1, 8):
            waiting.add(run(number))
    assert numbers(waiting.take(9)) == [5, 6, 7]
    assert waiting.dropped == 4
    assert [line["event"] for line in lines] == ["HINTS_DROPPED"]


def test_hints_that_come_back_to_a_full_buffer_go_before_newer_ones() -> None:
    waiting = WaitingHints(limit=3)
    for number in (1, 2, 3):
        waiting.add(run(number))
    unsent = waiting.take(2)
    waiting.add(run(4))
    waiting.put_back(unsent)
    assert numbers(waiting.take(9)) == [2, 3, 4]


async def test_a_hint_is_tried_again_under_the_same_message_id_until_it_is_confirmed() -> None:
    broker = Broker(failures=3)
    sender = HintSender("test", broker.publish)
    sender.start()
    sender.add(run(1))
    await sender.stop(grace=20)
    assert numbers(broker.confirmed) == [1]
    assert len(broker.tried) == 4
    assert len(set(broker.tried)) == 1


async def test_a_hint_does_not_wait_for_the_confirm_of_the_one_before_it() -> None:
    asked = asyncio.Event()

    async def publish(hint: Hint) -> None:
        """The first is confirmed when the second is there."""
        if numbers([hint]) == [1]:
            await asked.wait()
        else:
            asked.set()

    sender = HintSender("test", publish)
    sender.start()
    sender.add(run(1))
    await asyncio.sleep(0)
    sender.add(run(2))
    with capture_logs() as lines:
        await sender.stop(grace=60)
    assert lines == []


async def test_no_more_are_under_way_than_allowed() -> None:
    under_way, most = 0, 0

    async def publish(_: Hint) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.001)
        under_way -= 1

    sender = HintSender("test", publish)
    sender.start()
    for number in range(1, 5 * hints.AT_ONCE):
        sender.add(run(number))
    await sender.stop(grace=60)
    assert (most, under_way) == (hints.AT_ONCE, 0)


async def send_three(publish: Callable[[Hint], Awaitable[None]]) -> None:
    """Hints 1, 2 and 3, until all of them are confirmed."""
    sender = HintSender("test", publish)
    sender.start()
    for number in (1, 2, 3):
        sender.add(run(number))
    await sender.stop(grace=60)


async def test_what_was_not_confirmed_is_tried_again_in_its_order() -> None:
    tried: list[int] = []

    async def publish(hint: Hint) -> None:
        (number,) = numbers([hint])
        tried.append(number)
        await asyncio.sleep(0.001 * (4 - number))
        if len(tried) <= 3:
            raise BrokerAway

    await send_three(publish)
    assert tried == [1, 2, 3, 1, 2, 3]


async def test_after_a_failure_one_goes_ahead_alone_until_it_is_confirmed() -> None:
    """Else every attempt under an alarm would pile up all of them once more, for the broker to take when it ends."""
    tried: list[int] = []

    async def publish(hint: Hint) -> None:
        tried.extend(numbers([hint]))
        if len(tried) <= 5:
            raise BrokerAway

    await send_three(publish)
    assert tried == [1, 2, 3, 1, 1, 1, 2, 3]


async def test_stopping_waits_for_more_hints_than_are_sent_at_once() -> None:
    broker = Broker()
    sender = HintSender("test", broker.publish)
    sender.start()
    for number in range(1, 301):
        sender.add(run(number))
    await sender.stop(grace=20)
    assert numbers(broker.confirmed) == list(range(1, 301))


async def test_stopping_gives_up_after_its_grace_and_counts_what_is_left() -> None:
    broker = Broker()
    broker.away = True
    sender = HintSender("test", broker.publish)
    sender.start()
    for number in (1, 2, 3):
        sender.add(run(number))
    with capture_logs() as lines:
        await sender.stop(grace=0.1)
    assert [line["count"] for line in lines if line["event"] == "HINTS_UNSENT"] == [3]


async def test_stopping_with_nothing_to_send_is_silent_and_immediate() -> None:
    sender = HintSender("test", Broker().publish)
    sender.start()
    with capture_logs() as lines:
        await asyncio.wait_for(sender.stop(grace=600), 60)
    assert lines == []


async def test_a_mistake_in_our_own_code_is_told_not_retried() -> None:
    async def broken(_: Hint) -> None:
        raise KeyError("a mistake")

    told: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    sender = HintSender("test", broken, told.set_result)
    sender.start()
    sender.add(run(1))
    with capture_logs() as lines:
        assert await asyncio.wait_for(told, 60) == "task hints of test died"
    assert [line["event"] for line in lines] == ["TASK_DIED"]
    await sender.stop(grace=0)
