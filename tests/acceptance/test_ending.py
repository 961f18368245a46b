"""Cancel, stop and force-cancel, raced against a dispatcher that claims all the while."""

from __future__ import annotations

import asyncio
import random
import signal
import time

import pytest

from stack.system import Stack
from tests.acceptance.business import FOR_EVER, Business, Run
from tests.acceptance.conftest import MakeBusiness
from tests.acceptance.waiting import eventually

RACES = 8
LEADS = 40
HANG_UP = "<Response><Hangup/></Response>"


async def races(stack: Stack, make_business: MakeBusiness, way: str) -> list[tuple[Run, float]]:
    """Runs that were ended in the midst of their claims, each with the time of the answer."""
    chance = random.Random(way)
    businesses = [await make_business(stack, cap=5) for _ in range(RACES)]
    return list(await asyncio.gather(*(race(business, way, chance.uniform(0, 0.6)) for business in businesses)))


async def race(business: Business, way: str, after: float) -> tuple[Run, float]:
    await business.rule("response_delay", match={"every": 3}, seconds=0.3)
    run = await business.start(LEADS)
    await asyncio.sleep(after)
    status, body = await run.ending(way)
    answered_at = time.time()
    assert (status, body["success"]) == (200, True)
    return run, answered_at


@pytest.mark.parametrize(("way", "end"), [("cancel", "cancelled"), ("stop", "stopped")])
async def test_no_dial_starts_after_the_answer(
    shared_stack: Stack, make_business: MakeBusiness, way: str, end: str
) -> None:
    """Whoever was told that the campaign is over must not hear a phone ring afterwards."""
    for run, answered_at in await races(shared_stack, make_business, way):
        shown = await run.over(end, end)
        late = [entry for entry in await run.creates() if entry["at"] > answered_at]
        assert not late, f"run {run.id} went on dialling after the answer to {way}"
        assert shown["cancelled"] == LEADS - shown["cursor_position"]
        assert shown["cursor_position"] == len({entry["to"] for entry in await run.creates()})
        assert {job["outcome"] for job in await run.jobs() if job["status"] == "cancelled"} <= {None}
        await run.judge()


async def test_a_forced_end_fails_what_was_queued_and_lets_live_calls_end(
    shared_stack: Stack, make_business: MakeBusiness
) -> None:
    for run, _ in await races(shared_stack, make_business, "force-cancel"):
        await run.over("cancelled", "force_cancelled")
        jobs = await run.jobs()
        never = [job for job in jobs if job["outcome"] == "not_dialed"]
        assert {job["status"] for job in never} <= {"failed"}
        assert len(never) == LEADS - len({entry["to"] for entry in await run.creates()})
        assert not [job for job in jobs if job["status"] == "cancelled"]
        await run.judge()


async def test_the_end_of_a_run_that_is_over_is_refused_with_its_status(business: Business) -> None:
    run = await business.start(1)
    await run.over("completed", "completed")
    for way in ("cancel", "stop", "force-cancel"):
        status, body = await run.ending(way)
        assert (status, body["code"], body["status"]) == (409, "illegal_transition", "completed")


async def test_a_cancelled_run_ends_with_its_last_live_call_and_may_be_cancelled_again(business: Business) -> None:
    await business.rule("outcome", **FOR_EVER)
    run = await business.start(5)
    await run.until(in_progress=3)
    for _ in range(2):
        assert (await run.ending("cancel"))[0] == 200
    shown = await run.shown()
    assert (shown["status"], shown["cancel_requested"], shown["can_cancel"]) == ("running", True, False)
    assert (shown["cancelled"], shown["in_progress"]) == (2, 3)
    async with business.speed(20_000):
        await run.over("cancelled", "cancelled")
    await run.judge()


async def test_a_forced_end_with_every_dispatcher_dead_ends_the_live_calls_at_the_provider(business: Business) -> None:
    await business.rule("outcome", **FOR_EVER)
    run = await business.start(7)
    await run.until(in_progress=3)
    await business.stack.kill("dispatcher", signal.SIGKILL)
    status, body = await run.ending("force-cancel", hangup="true")
    assert (status, body["jobs_cancelled"], body["calls_hung_up"]) == (200, 4, 3)
    shown = await run.shown()
    assert (shown["status"], shown["locked_by_worker"], shown["failed"]) == ("cancelled", None, 4)

    async def all_ended() -> bool:
        return all(call.ended for call in await run.placed())

    await eventually(all_ended, "the end of the calls at the provider")
    await run.over("cancelled", "force_cancelled")
    assert {entry["hang_ups"][0]["accepted"] for entry in await run.creates()} == {True}
    await run.judge()
    (line,) = business.events("FORCE_CANCEL", "api", run_id=run.id)
    assert (line["jobs_cancelled"], line["calls_hung_up"]) == (4, 3)


async def test_a_call_answered_after_a_forced_end_is_told_to_hang_up(business: Business) -> None:
    await business.rule("outcome", outcome="answered", ring_seconds=500, talk_seconds=35_000)
    async with business.speed(1):
        run = await business.start(1, ring_timeout=600)
        await run.rung(1)
        assert (await run.ending("force-cancel"))[0] == 200
    await run.over("cancelled", "force_cancelled")
    (entry,) = await run.creates()
    assert [voice["document"] for voice in entry["voice"]] == [HANG_UP]
