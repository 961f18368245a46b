"""Runs that nobody looks after: nudged, corrected when they were running, and left alone when they only waited."""

from __future__ import annotations

import signal

import asyncpg

from tests.acceptance.business import FOR_EVER, Business
from tests.acceptance.spy import listening
from tests.acceptance.waiting import eventually


async def test_a_campaign_without_a_dispatcher_rings_nobody_and_waits_for_one(business: Business) -> None:
    stack = business.stack
    assert await stack.stop("dispatcher") == 0
    run = await business.start(5)
    await run.until(status="pending", waiting_for="dispatcher")
    await business.logged("STALE_DETECTION", run_id=run.id, action="nudged")
    assert await run.creates() == []
    await stack.start("dispatcher")
    await run.over("completed", "completed")
    await run.judge()


async def test_a_run_whose_dispatcher_is_dead_for_good_is_nudged_then_stopped_and_counts_its_calls_to_their_end(
    business: Business, sql: asyncpg.Connection
) -> None:
    stack = business.stack
    await business.rule("outcome", **FOR_EVER)
    run = await business.start(8)
    await run.until(in_progress=3)
    async with listening(stack.amqp_url) as spy:
        await stack.kill("dispatcher", signal.SIGKILL)
        pending = await business.start(2)
        nudge = await spy.told("run.stale", run_id=run.id, corrected=False)
        assert nudge["business_id"] == business.id
        assert nudge["last_heartbeat_at"]
        await run.left_alone(sql)
        shown = await run.until(status="stopped", end_reason="stale")
        corrected = await spy.told("run.stale", run_id=run.id, corrected=True)
        assert corrected["business_id"] == business.id
    assert (shown["failed"], shown["in_progress"], shown["locked_by_worker"]) == (5, 3, None)
    assert {job["outcome"] for job in await run.jobs() if job["status"] == "failed"} == {"not_dialed"}
    assert [line["action"] for line in business.events("STALE_DETECTION", run_id=run.id)][-1] == "corrected"
    async with business.speed(20_000):
        await run.over("stopped", "stale")
    assert (await run.shown())["completed"] == 3
    assert (await pending.shown())["status"] == "pending"
    await business.behave()
    await stack.start("dispatcher")
    await pending.over("completed", "completed")
    await run.judge()
    await pending.judge()


async def test_the_active_runs_are_told_after_a_stale_one_was_corrected(
    business: Business, sql: asyncpg.Connection
) -> None:
    stack = business.stack
    await business.rule("outcome", **FOR_EVER)
    run = await business.start(5)
    await run.until(in_progress=3)
    await stack.kill("dispatcher", signal.SIGKILL)
    await business.logged("STALE_DETECTION", service="reaper", run_id=run.id, action="nudged")
    await stack.kill("reaper", signal.SIGKILL)
    await run.left_alone(sql)

    async def none_active() -> bool:
        answer = await business.client.request("GET", "/api/outbound_calls/jobs/active")
        return (answer.status, answer.body.get("code")) == (404, "no_active_run")

    await eventually(none_active, "no active run")
    shown = await run.shown()
    assert (shown["status"], shown["end_reason"], shown["stale"]) == ("stopped", "stale", False)
    assert business.events("STALE_DETECTION", "api", run_id=run.id, action="corrected")
    async with business.speed(20_000):
        await run.over("stopped", "stale")
