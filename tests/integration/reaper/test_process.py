"""The reaper as a process, against the simulator."""

from __future__ import annotations

import signal

import asyncpg

from stack.system import Stack
from tests.conftest import MakeStack
from tests.integration.campaigns import Campaigns, Row, campaigns_in
from tests.integration.reaper.rig import PATIENCE, eventually

QUICK = {
    "SWEEP_INTERVAL": "0.2",
    "SETTLE_AFTER": "0.3",
    "ABSENT_AFTER": "0.5",
    "DIAL_TIMEOUT": "1",
    "WEBHOOK_GRACE": "1",
    "HEARTBEAT_INTERVAL": "0.2",
    "NUDGE_AFTER": "0.5",
    "STALE_AFTER": "3600",
    "LOG_LEVEL": "DEBUG",
}


async def claimed(campaigns: Campaigns, stack: Stack, **fields: object) -> Row:
    """A call whose dispatcher dies at once; its answer is not overdue before `overdue` says so."""
    await campaigns.account(stack.secrets["TWILIO_ACCOUNT_SID"], shared=True)
    business = await campaigns.business()
    await campaigns.run(business, 1, **fields)
    return await claimed_of(campaigns, business)


async def claimed_of(campaigns: Campaigns, business: int) -> Row:
    (call,) = await campaigns.claim(business, send_within=3600, timeout=1)
    return call


async def overdue(campaigns: Campaigns, call: Row) -> None:
    await campaigns.connection.execute(
        "UPDATE calls SET deadline = clock_timestamp() - dial_timeout, next_check_at = clock_timestamp() WHERE id = $1",
        call["call_id"],
    )


async def ended(campaigns: Campaigns, call: Row) -> Row:
    async def look() -> Row | None:
        row = await campaigns.call(call)
        return row if row["ended_at"] else None

    return await eventually(look)


async def test_it_settles_by_list_what_the_simulator_holds_and_gives_up_what_it_does_not(make_stack: MakeStack) -> None:
    stack = await make_stack(("simulator", "reaper"), QUICK | {"SIM_TIME_SCALE": "50"})
    async with campaigns_in(stack.database_url) as campaigns:
        call = await claimed(campaigns, stack)
        body = {"account": stack.secrets["TWILIO_ACCOUNT_SID"], "to": call["to_number"], "from": call["from_number"]}
        placed = await stack.simulator.ask("POST", "calls", body)
        await overdue(campaigns, call)
        row = await ended(campaigns, call)
        assert (row["settled_how"], row["call_sid"]) == ("list", placed["sid"])
        await stack.logged("reaper", "CALL_UNCERTAIN", call_id=call["call_id"])
        await stack.logged("reaper", "CALL_SETTLED", call_id=call["call_id"], how="list")
        await stack.logged("reaper", "RUN_ENDED", run_id=call["run_id"], status="completed")
        business = await campaigns.business()
        await campaigns.run(business, 1, on_uncertain="never")
        lost = await claimed_of(campaigns, business)
        await overdue(campaigns, lost)
        assert (await ended(campaigns, lost))["settled_how"] == "absent"
        await stack.logged("reaper", "SLOT_RELEASED", call_id=lost["call_id"])
    metrics = await stack.service("reaper").metrics()
    assert metrics['ringfence_calls_settled_total{how="absent"}'] == 1
    assert metrics['ringfence_dependency_up{name="database"}'] == 1
    assert "ringfence_calls_live" in metrics
    assert await stack.stop("reaper") == 0


async def test_it_hangs_up_by_itself_and_frees_the_slot(make_stack: MakeStack) -> None:
    stack = await make_stack(("simulator", "reaper"), QUICK)
    async with campaigns_in(stack.database_url) as campaigns:
        call = await claimed(campaigns, stack)
        body = {"account": stack.secrets["TWILIO_ACCOUNT_SID"], "to": call["to_number"], "from": call["from_number"]}
        sid = (await stack.simulator.ask("POST", "calls", body))["sid"]
        assert await campaigns.dialled(call, "accepted", sid) == "accepted"
        await campaigns.connection.execute(
            "SELECT * FROM ringfence_force_cancel_run($1, $2, true)", call["business_id"], call["run_id"]
        )
        row = await ended(campaigns, call)
        assert (row["settled_how"], row["hung_up_at"] is not None) == ("fetch", True)
    (entry,) = await stack.simulator.ledger(sid=sid)
    assert entry["outcome"] is not None
    await stack.logged("reaper", "CALL_HANGUP", call_sid=sid, action="ended")


async def test_it_outlives_the_database_and_ends_no_run_for_it(make_stack: MakeStack) -> None:
    """Longer than STALE_AFTER without a database: the nudge that nobody could answer must not end the run.

    The outage's length is written into the rows while nobody looks; a dispatcher then has NUDGE_AFTER to beat.
    """
    stack = await make_stack(
        ("simulator", "reaper"), QUICK | {"STALE_AFTER": "120", "NUDGE_AFTER": "60"}, own_servers=True
    )
    async with campaigns_in(stack.database_url) as campaigns:
        call = await claimed(campaigns, stack)
        await campaigns.connection.execute(
            "UPDATE outbound_call_runs SET last_heartbeat_at = last_heartbeat_at - interval '2 min'"
        )
        await stack.logged("reaper", "STALE_DETECTION", run_id=call["run_id"], action="nudged")
        stack.freeze("reaper")
        await campaigns.connection.execute(
            "UPDATE outbound_call_runs SET nudged_at = nudged_at - interval '1 h',"
            " last_heartbeat_at = last_heartbeat_at - interval '1 h'"
        )
    await stack.kill_postgres()
    stack.thaw("reaper")
    await stack.logged("reaper", "DEPENDENCY_AWAY", dependency="database")
    assert not await stack.service("reaper").answers("/readyz")
    await stack.start_postgres()

    async def beat() -> bool:
        try:
            async with campaigns_in(stack.database_url) as again:
                await again.connection.execute(
                    "UPDATE outbound_call_runs SET last_heartbeat_at = now() + interval '1 h', nudged_at = NULL"
                )
        except (OSError, asyncpg.PostgresError):
            return False
        return True

    await eventually(beat)
    await eventually(lambda: stack.service("reaper").answers("/readyz"))
    async with campaigns_in(stack.database_url) as campaigns:
        assert (await campaigns.run_row(call["run_id"]))["status"] == "running"
        await overdue(campaigns, call)
        assert (await ended(campaigns, call))["settled_how"] == "absent"
    assert await stack.stop("reaper") == 0


async def test_it_ends_cleanly_while_the_provider_hangs_and_another_takes_its_looks(make_stack: MakeStack) -> None:
    stack = await make_stack(("simulator", "reaper"), QUICK | {"DIAL_TIMEOUT": "4", "SIM_TIME_SCALE": "50"})
    async with campaigns_in(stack.database_url) as campaigns:
        await stack.simulator.add_rules({"mode": "hang", "match": {"op": "list"}})
        call = await claimed(campaigns, stack)
        await overdue(campaigns, call)

        async def looked() -> bool:
            return bool((await campaigns.call(call))["checks"])

        await eventually(looked)
        assert await stack.stop("reaper") == 0
        await stack.simulator.remove_rules()
        await campaigns.connection.execute("UPDATE calls SET next_check_at = now()")
        await stack.start("reaper2")
        assert (await ended(campaigns, call))["settled_how"] == "absent"
        assert await stack.kill("reaper2", signal.SIGTERM) == 0


async def test_a_database_without_the_schema_is_one_line_and_status_3(
    make_stack: MakeStack, empty_database_url: str
) -> None:
    stack = await make_stack((), QUICK)
    await stack.start("reaper", {"DATABASE_URL": empty_database_url}, until=None)
    assert await stack.service("reaper").child.wait(PATIENCE) == 3
    assert [line["level"] for line in stack.logs("reaper") if line["event"] == "SCHEMA_TOO_OLD"] == ["ERROR"]
