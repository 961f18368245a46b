"""The end of the process: what is under way is recorded, what was never sent is handed back, and the status says so."""

from __future__ import annotations

import asyncio
import signal

from tests.integration.dispatcher.conftest import MakeRig
from tests.integration.dispatcher.rig import PATIENCE, STARTED, Rig


async def test_a_stop_in_the_middle_of_a_slow_create_records_its_answer(rig: Rig) -> None:
    await rig.stack.simulator.once({"mode": "response_delay", "params": {"seconds": 3600}})
    business = await rig.business(cap=1)
    run = await rig.run(business, 3, publish=True)
    await rig.until(lambda: rung(rig), "the create reached the provider")
    rig.stack.service("dispatcher").child.send(signal.SIGTERM)
    await rig.stack.logged("dispatcher", "LEASE_GIVEN_UP", timeout=PATIENCE)
    await rig.answered()
    assert await rig.stack.service("dispatcher").child.wait(PATIENCE) == 0
    assert await rig.statuses(run) == {"in_progress": 1, "queued": 2}
    (entry,) = await rig.rung()
    assert await rig.pool.fetchval("SELECT call_sid FROM calls WHERE run_id = $1", run) == entry["sid"]
    assert rig.events("WORKER_STOP")[-1]["status"] == 0


async def test_a_stop_with_nothing_under_way_waits_for_nothing(rig: Rig) -> None:
    """One that waited for answers would be killed for it: they may take longer than a stop."""
    assert await rig.stack.stop("dispatcher") == 0
    assert rig.events("LEASE_GIVEN_UP")
    assert not rig.events("TASK_CANCELLED")


async def test_a_standby_stops_and_leaves_the_lease_alone(make_rig: MakeRig) -> None:
    rig = await make_rig()
    await rig.stack.start("dispatcher2")
    assert await rig.stack.stop("dispatcher2") == 0
    assert await rig.active("dispatcher") == ["dispatcher"]


async def test_a_death_before_the_answer_leaves_the_row_to_the_reaper(rig: Rig) -> None:
    await rig.stack.simulator.once({"mode": "response_delay", "params": {"seconds": 3600}})
    business = await rig.business(cap=3)
    run = await rig.run(business, 1, publish=True)
    await rig.until(lambda: rung(rig), "the create reached the provider")
    await rig.stack.kill("dispatcher", signal.SIGKILL)
    await rig.stack.start("dispatcher")
    second = await rig.run(business, 1, publish=True)
    await rig.in_progress(second, 1)
    assert await rig.states(run) == {"dialing": 1}
    assert await rig.statuses(run) == {"dialing": 1}
    assert len(await rig.rung()) == 2
    await rig.nobody_twice()


async def test_stopped_and_started_again_it_takes_up_where_it_was(rig: Rig) -> None:
    business = await rig.business(cap=500, rate=30)
    run = await rig.run(business, 40, publish=True)
    for _ in range(2):
        await rig.until(lambda: begun(rig), "dialling")
        assert await rig.stack.stop("dispatcher") == 0
        await rig.stack.start("dispatcher")
    await rig.in_progress(run, 40)
    await rig.nobody_twice()


async def test_a_schema_that_is_too_old_is_one_line_and_status_3(make_rig: MakeRig) -> None:
    rig = await make_rig(services=("simulator",))
    await rig.pool.execute("DELETE FROM alembic_version")
    await rig.stack.start("dispatcher", until=None)
    assert await rig.stack.service("dispatcher").child.wait(PATIENCE) == 3
    assert len(rig.events("SCHEMA_TOO_OLD")) == 1
    assert not [line for line in rig.stack.logs("dispatcher") if line["level"] == "ERROR" and "exc_info" in line]


async def test_a_database_that_is_away_at_the_start_is_waited_for(make_rig: MakeRig) -> None:
    rig = await make_rig(services=("simulator",), own_servers=True)
    await rig.stack.kill_postgres()
    await rig.stack.start("dispatcher", until="/healthz")

    async def named() -> bool:
        status, body = await rig.ready()
        return status == 503 and "database" in body["away"]

    await rig.until(named, "readiness names the database")
    await asyncio.sleep(1)
    assert rig.stack.running("dispatcher")
    await rig.stack.start_postgres()

    async def ready() -> bool:
        return (await rig.ready())[0] == 200

    await rig.until(ready, "ready")


async def test_a_fault_of_its_own_ends_it_with_status_1_and_what_is_under_way_is_recorded(rig: Rig) -> None:
    await rig.stack.simulator.once({"mode": "response_delay", "params": {"seconds": 3600}})
    business = await rig.business(cap=1)
    run = await rig.run(business, 1, publish=True)
    await rig.until(lambda: rung(rig), "the create reached the provider")
    await rig.pool.execute("DROP FUNCTION ringfence_beat")
    await rig.stack.logged("dispatcher", "LEASE_GIVEN_UP", timeout=PATIENCE)  # a successor need not wait
    await rig.answered()
    assert await rig.stack.service("dispatcher").child.wait(PATIENCE) == 1
    assert await rig.statuses(run) == {"in_progress": 1}
    assert len(rig.events("TASK_DIED")) == 1


async def test_a_constraint_that_refuses_one_business_holds_up_no_other(make_rig: MakeRig) -> None:
    rig = await make_rig(services=("simulator",))
    refused, other = await rig.business(), await rig.business()
    await rig.pool.execute(f"ALTER TABLE calls ADD CONSTRAINT refused CHECK (business_id <> {refused})")
    stuck = await rig.run(refused, 2)
    run = await rig.run(other, 3)
    await rig.stack.start("dispatcher")
    await rig.in_progress(run, 3)
    line = await rig.stack.logged("dispatcher", "DEDUP_CONFLICT", action="claim")
    assert (line["business_id"], line["constraint"]) == (refused, "refused")
    assert await rig.statuses(stuck) == {"queued": 2}
    assert await rig.metric('ringfence_duplicate_dials_prevented_total{how="claim_conflict"}') >= 1
    await rig.pool.execute("ALTER TABLE calls DROP CONSTRAINT refused")
    await rig.in_progress(stuck, 2)


async def test_a_result_that_a_constraint_refuses_holds_up_no_other(rig: Rig) -> None:
    business = await rig.business(cap=2)
    await rig.pool.execute("ALTER TABLE calls ADD CONSTRAINT refused CHECK (call_sid IS NULL OR lead_id <> 1)")
    run = await rig.run(business, 4, publish=True)
    await rig.in_progress(run, 1)
    (entry,) = [entry for entry in await rig.rung() if entry["to"].endswith("1000000")]
    line = await rig.stack.logged("dispatcher", "DEDUP_CONFLICT", action="accepted")
    assert line["call_sid"] == entry["sid"], "the log is the witness of what the database would not take"
    assert await rig.states(run) == {"dialing": 1, "accepted": 1}


async def begun(rig: Rig) -> bool:
    return await rig.metric(STARTED) >= 5


async def rung(rig: Rig) -> bool:
    return len(await rig.rung()) == 1
