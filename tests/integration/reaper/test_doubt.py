"""Reads that contradict what the provider said before: the record stands, and each is told once, with both words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import structlog

from shared import metrics
from tests.integration.campaigns import Row
from tests.integration.reaper.rig import Rig

Line = dict[str, Any]


def counted(kind: str) -> float:
    return metrics.REGISTRY.get_sample_value("ringfence_provider_contradictions_total", {"kind": kind}) or 0.0


class Told:
    """What is said of contradictions while a test runs."""

    def __init__(self, logs: list[Any]) -> None:
        self._logs = logs
        self._before = {kind: counted(kind) for kind in metrics.CONTRADICTIONS}

    def _found(self) -> tuple[list[Line], dict[str, float]]:
        lines = [line for line in self._logs if line["event"] == "PROVIDER_CONTRADICTION"]
        return lines, {kind: counted(kind) - was for kind, was in self._before.items() if counted(kind) > was}

    def once(self, kind: str, call: Row) -> Line:
        """The only line, which is of this kind and names the call; it is counted once."""
        (line,), more = self._found()
        assert (line["action"], more) == (kind, {kind: 1})
        names = ("business_id", "run_id", "job_id", "call_id")
        assert [line[name] for name in names] == [call[name] for name in names]
        return line

    def nothing(self) -> None:
        assert self._found() == ([], {})


@pytest.fixture
def told() -> Iterator[Told]:
    with structlog.testing.capture_logs() as logs:
        yield Told(logs)


async def look(rig: Rig, times: int = 1) -> None:
    """Look at everything, so many times."""
    for _ in range(times):
        await rig.campaigns.connection.execute(
            "UPDATE calls SET next_check_at = clock_timestamp() WHERE ended_at IS NULL"
        )
        await rig.reaper.look()
        await rig.pass_time(5)


async def end(rig: Rig, call: Row, sid: str) -> None:
    """The provider says by callback that a call was answered and is over."""
    item = {"n": 0, "token": str(call["dial_token"]), "call_sid": sid, "event": "completed", "rank": 4}
    told = {**item, "outcome": "answered", "sequence": 3, "fields": {}}
    recorded = await rig.campaigns.rows(
        "SELECT result FROM ringfence_record_callbacks($1, '60 s', true)", json.dumps([told])
    )
    assert [row["result"] for row in recorded] == ["recorded"]


async def unsure_again(rig: Rig, before: Row) -> Row:
    """A call to the lead of an earlier one, in another run, whose create's answer is overdue."""
    job = await rig.campaigns.job(before)
    await rig.campaigns.run(before["business_id"], [job["lead_id"]])
    (call,) = await rig.campaigns.claim(before["business_id"])
    await rig.pass_time(18.5)
    await rig.reaper.sweeper.calls()
    return call


async def test_a_call_that_a_list_shows_as_ringing_after_its_end_stays_ended(rig: Rig, told: Told) -> None:
    """When this breaks a false list brings a call back to life, or is taken for the next one to that lead."""
    ended, sid = await rig.live_call()
    await end(rig, ended, sid)
    unsure = await unsure_again(rig, ended)
    await look(rig, times=3)
    assert rig.provider.asked["list"] == 3
    line = told.once("live_after_end", ended)
    assert (line["call_sid"], line["known_state"], line["known_outcome"]) == (sid, "ended", "answered")
    assert (line["known_how"], line["said"]) == ("callback", "ringing")
    row = await rig.campaigns.call(ended)
    assert (row["state"], row["outcome"]) == ("ended", "answered")
    assert (await rig.campaigns.call(unsure))["call_sid"] is None


async def test_a_call_that_ends_while_a_list_is_under_way_contradicts_nobody(rig: Rig, told: Told) -> None:
    ended, sid = await rig.live_call()
    await end(rig, ended, sid)
    await unsure_again(rig, ended)
    await rig.campaigns.connection.execute("UPDATE calls SET next_check_at = clock_timestamp() WHERE ended_at IS NULL")
    (check,) = await rig.reaper.looker.take(1, 1, [])
    await rig.campaigns.connection.execute("UPDATE calls SET ended_at = clock_timestamp() WHERE call_sid = $1", sid)
    await rig.reaper.looker.look(check)
    assert rig.provider.asked["list"] == 1
    told.nothing()


async def test_a_list_that_lags_takes_its_denial_back(rig: Rig, told: Told) -> None:
    call = await rig.uncertain_call()
    await look(rig)
    assert (await rig.campaigns.call(call))["denied_at"] is not None
    made = datetime.now(UTC) - timedelta(seconds=10)
    sid = rig.provider.has(call["to_number"], "ringing", created=made)
    await look(rig, times=2)
    row = await rig.campaigns.call(call)
    assert (row["state"], row["call_sid"], row["denied_at"]) == ("uncertain", sid, None)
    line = told.once("listed_late", call)
    assert line["known_denial"] >= line["said_made"]
    assert (line["call_sid"], line["said"]) == (sid, "ringing")


@pytest.mark.parametrize("page_size", [1, 50])
async def test_rows_that_a_list_repeats_count_once(rig: Rig, told: Told, page_size: int) -> None:
    """When this breaks one call looks like two, and its lead is never settled."""
    call = await rig.uncertain_call()
    sid = rig.provider.has(call["to_number"], "ringing")
    rig.provider.page_size = page_size
    rig.provider.calls["the same again"] = rig.provider.calls[sid]
    await rig.reaper.look()
    assert (await rig.campaigns.call(call))["call_sid"] == sid
    line = told.once("repeated_rows", call)
    assert (line["known_calls"], line["said_rows"], line["said_sids"]) == (1, 2, [sid])


async def test_two_calls_for_one_create_are_no_decision_and_told_once(rig: Rig, told: Told) -> None:
    call = await rig.uncertain_call()
    sids = sorted(rig.provider.has(call["to_number"], "completed") for _ in range(2))
    await look(rig, times=3)
    assert (await rig.campaigns.call(call))["state"] == "uncertain"
    line = told.once("several", call)
    assert (line["known_state"], line["said_sids"]) == ("uncertain", sids)


async def test_a_sid_that_the_provider_gave_and_does_not_know_is_asked_for_again(rig: Rig, told: Told) -> None:
    call, sid = await rig.live_call()
    found = rig.provider.calls.pop(sid)
    await look(rig, times=3)
    assert rig.provider.asked["fetch"] == 3
    line = told.once("unknown_sid", call)
    assert (line["known_sid"], line["known_state"], line["said"]) == (sid, "accepted", "not found")
    rig.provider.calls[sid] = {**found, "status": "busy"}
    await look(rig)
    assert (await rig.campaigns.call(call))["outcome"] == "busy"


async def test_another_end_than_the_callback_told_changes_nothing(rig: Rig, told: Told) -> None:
    """A look was under way when the callback came."""
    call, sid = await rig.live_call()
    rig.provider.calls[sid]["status"] = "busy"
    await rig.campaigns.connection.execute("UPDATE calls SET next_check_at = clock_timestamp()")
    (check,) = await rig.reaper.looker.take(1, 1, [])
    await end(rig, call, sid)
    await rig.reaper.looker.look(check)
    line = told.once("other_end", call)
    assert (line["known_state"], line["known_outcome"], line["said"]) == ("ended", "answered", "busy")
    assert (await rig.campaigns.job(call))["outcome"] == "answered"


async def test_a_call_that_nobody_contradicts_is_not_told_of(rig: Rig, told: Told) -> None:
    call = await rig.uncertain_call()
    sid = rig.provider.has(call["to_number"], "ringing")
    await look(rig, times=2)
    rig.provider.calls[sid]["status"] = "completed"
    await look(rig)
    assert (await rig.campaigns.call(call))["outcome"] == "answered"
    told.nothing()
