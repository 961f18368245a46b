"""Ending a run while a dispatcher claims from it, again and again: once somebody was answered, no dial starts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from tests.integration.api.rig import Asker, Rig, World

ROUNDS = 8
DIALING = "SELECT count(*) FROM calls WHERE run_id = $1 AND state = 'dialing' AND deadline > clock_timestamp()"


@asynccontextmanager
async def claiming(world: World, business: int) -> AsyncIterator[None]:
    """A dispatcher that claims whatever it can, and answers for each call a moment later."""

    async def claim_on() -> None:
        while True:
            for call in await world.claim(business, limit=2):
                await world.do(
                    "UPDATE calls SET state = 'accepted', call_sid = 'CA' || id WHERE id = $1 AND state = 'dialing'",
                    call["call_id"],
                )

    task = asyncio.create_task(claim_on())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def first_claim(asker: Asker, run_id: int) -> None:
    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        if (await asker.run(run_id))["in_progress"]:
            return
        await asyncio.sleep(0.005)
    raise AssertionError("nothing was claimed in time")


@pytest.mark.parametrize("way", ["cancel", "stop-queue", "force-cancel"])
async def test_no_job_is_claimed_from_a_run_that_somebody_has_ended(rig: Rig, world: World, way: str) -> None:
    """Breaks when a claim and an ending do not see each other: a phone rings after the answer."""
    business = await world.business(cap=200)
    asker = rig.asker(business)
    for _ in range(ROUNDS):
        run_id = await asker.start(await world.leads(business, 15))
        async with claiming(world, business):
            await first_claim(asker, run_id)
            if way == "stop-queue":
                answer = await asker.post("/api/outbound/stop-queue", json={"run_id": run_id})
            else:
                answer = await asker.post(f"/api/outbound_calls/jobs/{run_id}/{way}")
            assert answer.status_code == 200
        jobs = await world.value("SELECT count(*) FROM outbound_call_jobs WHERE run_id = $1", run_id)
        calls = await world.value("SELECT count(*) FROM calls WHERE run_id = $1", run_id)
        run = await asker.run(run_id)
        assert (run["queued"], run["total_leads"]) == (0, jobs)
        assert run["in_progress"] == calls, "a job is in hand exactly when it has a call"
        if way != "force-cancel":
            assert await world.value(DIALING, run_id) == 0
        await world.do(
            "UPDATE calls SET state = 'ended', outcome = 'answered', ended_at = now() WHERE run_id = $1", run_id
        )
