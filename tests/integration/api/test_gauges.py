"""The gauges that describe the database show what is in it."""

from __future__ import annotations

import asyncpg
from prometheus_client import Gauge

from shared import metrics
from shared.gauges import GaugeRefresher
from tests.acceptance.waiting import eventually
from tests.conftest import MakeStack
from tests.integration.api.rig import TWIML, Rig, World


def value(gauge: Gauge, **labels: str) -> float:
    return float((gauge.labels(**labels) if labels else gauge)._value.get())


async def test_gauges_follow_calls_runs_and_jobs(rig: Rig, world: World) -> None:
    gauges = GaugeRefresher(rig.context.platform.db, rig.context.settings)
    await gauges.refresh()
    assert value(metrics.CALLS_LIVE) == value(metrics.JOBS_QUEUED) == value(metrics.SLOTS_TOTAL) == 0
    assert value(metrics.HEARTBEAT_AGE) == value(metrics.LIVE_CALL_AGE) == 0
    business = await world.business(cap=2)
    asker = rig.asker(business)
    ended = await asker.start(await world.leads(business, 1))
    await asker.post(f"/api/outbound_calls/jobs/{ended}/cancel")
    run_id = await asker.start(await world.leads(business, 5))
    (first, _) = await world.claim(business)
    await world.do("UPDATE calls SET state = 'uncertain' WHERE id = $1", first["call_id"])
    await world.let_pass(run_id, 100)
    await world.do("UPDATE calls SET created_at = created_at - interval '50 s'")
    gauges = GaugeRefresher(rig.context.platform.db, rig.context.settings)
    await gauges.refresh()
    assert value(metrics.CALLS_LIVE) == 2
    assert value(metrics.CALLS_UNCERTAIN) == 1
    assert value(metrics.SLOTS_TOTAL) == 2
    assert value(metrics.JOBS_QUEUED) == 3
    assert value(metrics.RUNS, status="running") == 1
    assert value(metrics.RUNS, status="cancelled") == 1
    assert value(metrics.HEARTBEAT_AGE) >= 100
    assert value(metrics.LIVE_CALL_AGE) >= 50
    assert value(metrics.UNCERTAIN_AGE) >= 50
    assert value(metrics.RUNS_STUCK, kind="stale") == 1
    assert value(metrics.RUNS_STUCK, kind="no_progress") == 0  # every slot is taken
    await world.do("UPDATE outbound_call_runs SET last_heartbeat_at = NULL WHERE id = $1", run_id)
    await world.do("UPDATE businesses SET max_concurrent_calls = 9, last_claim_at = now() - interval '1 h'")
    await world.do("UPDATE outbound_call_runs SET created_at = now() - interval '1 h'")
    await gauges.refresh()
    assert value(metrics.RUNS_STUCK, kind="locked_no_heartbeat") == 1
    assert value(metrics.RUNS_STUCK, kind="no_progress") == 1
    assert value(metrics.ABSENT_AFTER) == rig.context.settings.absent_after


async def test_a_run_whose_only_lead_is_on_the_phone_is_not_stuck(rig: Rig, world: World) -> None:
    """Else whoever rings a lead in two runs is woken ten minutes into the first call."""
    business = await world.business(cap=5)
    (lead,) = await world.leads(business, 1)
    asker = rig.asker(business)
    await asker.start([lead])
    await world.claim(business)
    second = await asker.start([lead])
    await world.do(
        "UPDATE businesses SET next_dial_at = now() - interval '1 h', last_claim_at = now() - interval '1 h'"
    )
    await world.do("UPDATE accounts SET next_dial_at = now() - interval '1 h'")
    await world.do("UPDATE outbound_call_runs SET created_at = now() - interval '1 h' WHERE id = $1", second)
    gauges = GaugeRefresher(rig.context.platform.db, rig.context.settings)
    await gauges.refresh()
    assert value(metrics.RUNS_STUCK, kind="no_progress") == 0
    await world.do("UPDATE calls SET state = 'ended', outcome = 'answered', ended_at = now()")
    await gauges.refresh()
    assert value(metrics.RUNS_STUCK, kind="no_progress") == 1


async def test_the_api_tells_of_a_silent_run_while_nobody_else_lives(
    make_stack: MakeStack,
) -> None:
    """With the reaper dead nobody corrects such a run, and the alert must still fire."""
    stack = await make_stack(["api"])
    connection = await asyncpg.connect(stack.database_url)
    try:
        world = World(connection)
        business = await world.business()
        leads = await world.leads(business, 2)
        run = await stack.client("operator", business).start_run(leads, name="silent", twiml=TWIML)
        await world.claim(business, limit=1)
        await world.let_pass(run["run_id"], 150)
    finally:
        await connection.close()

    async def told() -> bool:
        return (await stack.service("api").metrics())["ringfence_heartbeat_age_seconds"] > 120

    await eventually(told, "the api exports the age of the heartbeat")
