"""After a failover or a restore nothing is claimed until the provider was asked what the database may have lost."""

from __future__ import annotations

import asyncio
import sys

import pytest

from stack.environment import base_environment
from tests.integration.dispatcher.conftest import MakeRig
from tests.integration.dispatcher.rig import CLAIMS, STARTED, Rig

NO_LIST = {"mode": "http_500_before_accept", "match": {"op": "list"}}


@pytest.fixture
async def rig(make_rig: MakeRig) -> Rig:
    return await make_rig()


async def restored_without(rig: Rig, run: int, lost: int) -> list[int]:
    """The database as a restore leaves it that lost the last calls of a run; the jobs that seem never dialled."""
    async with rig.pool.acquire() as connection, connection.transaction():
        rows = await connection.fetch(
            "DELETE FROM calls WHERE id IN (SELECT id FROM calls WHERE run_id = $1 ORDER BY id DESC LIMIT $2)"
            " RETURNING job_id",
            run,
            lost,
        )
        jobs = [row["job_id"] for row in rows]
        await connection.execute(
            "UPDATE outbound_call_jobs SET status = 'queued', attempts = 0, dialed = false, twilio_call_sid = NULL,"
            " dial_lock_token = NULL WHERE id = ANY ($1)",
            jobs,
        )
        await connection.execute("ALTER TABLE outbound_call_runs DISABLE TRIGGER USER")  # a restore asks none either
        await connection.execute(
            "UPDATE outbound_call_runs SET claim_floor = 0, cursor_position = cursor_position - $2 WHERE id = $1",
            run,
            lost,
        )
        await connection.execute("ALTER TABLE outbound_call_runs ENABLE TRIGGER USER")
        await connection.execute("UPDATE dispatcher_lease SET identity = 'another cluster/00000001'")
        return jobs


async def untrusted(rig: Rig) -> bool:
    status, body = await rig.ready()
    return status == 503 and body["away"] == ["database_trust"]


async def is_ready(rig: Rig) -> bool:
    return (await rig.ready())[0] == 200


async def test_leads_whose_calls_the_database_lost_are_not_rung_again(rig: Rig) -> None:
    business = await rig.business(cap=3)
    run = await rig.run(business, 6, publish=True)
    await rig.in_progress(run, 3)
    await rig.stack.stop("dispatcher")
    lost = await restored_without(rig, run, 2)
    await rig.stack.simulator.add_rules(NO_LIST)
    await rig.stack.start("dispatcher", until="/healthz")
    await rig.until(lambda: untrusted(rig), "readiness says that the database is not trusted")
    claims = await rig.metric(CLAIMS)

    async def looked_often() -> bool:
        return await rig.metric(CLAIMS) >= claims + 3

    await rig.until(looked_often, "several looks")
    assert await rig.metric(STARTED) == 0
    assert len(rig.events("DATABASE_UNTRUSTED")) == 1
    assert (await rig.statuses(run))["queued"] == 5

    await rig.stack.simulator.remove_rules()
    await rig.in_progress(run, 3)
    rows = await rig.pool.fetch("SELECT * FROM outbound_call_jobs WHERE id = ANY ($1)", lost)
    assert {(row["status"], row["outcome"], row["error_code"]) for row in rows} == {
        ("failed", "uncertain", "unknown_call")
    }
    assert await rig.statuses(run) == {"in_progress": 3, "failed": 2, "queued": 1}
    assert await rig.pool.fetchval("SELECT cursor_position FROM outbound_call_runs WHERE id = $1", run) == 5
    await rig.until(lambda: is_ready(rig), "ready again with the next renewal of the lease")
    conflicts = [line for line in rig.events("DEDUP_CONFLICT") if line["action"] == "unknown_call"]
    assert sorted(line["job_id"] for line in conflicts) == sorted(lost)
    await rig.nobody_twice()


async def test_a_successor_compares_since_the_database_was_last_whole(rig: Rig) -> None:
    """A holder that dies before it has compared must not make its successor forget since when to compare."""
    business = await rig.business(cap=3)
    run = await rig.run(business, 3, publish=True)
    await rig.in_progress(run, 3)
    await rig.stack.stop("dispatcher")
    await restored_without(rig, run, 1)
    await rig.pool.execute("UPDATE dispatcher_lease SET trusted_until = now() - interval '1 day'")
    await rig.stack.simulator.add_rules(NO_LIST)
    for _ in range(2):
        await rig.stack.start("dispatcher", until="/healthz")
        await rig.until(lambda: untrusted(rig), "not trusted")
        await rig.stack.stop("dispatcher")
    whole = await rig.pool.fetchval("SELECT now() - trusted_until > interval '23 h' FROM dispatcher_lease")
    assert whole is True


async def test_a_holder_that_finds_another_database_under_it_compares_and_goes_on(rig: Rig) -> None:
    await rig.pool.execute("UPDATE dispatcher_lease SET identity = 'another cluster/00000001'")
    await rig.stack.logged("dispatcher", "DATABASE_UNTRUSTED")
    await rig.stack.logged("dispatcher", "DATABASE_TRUSTED")
    run = await rig.run(await rig.business(), 3, publish=True)
    await rig.in_progress(run, 3)
    assert len(rig.events("LEASE_TAKEN")) == 1


async def test_an_operator_may_say_that_nothing_was_lost(rig: Rig) -> None:
    run = await rig.run(await rig.business(cap=1), 2, publish=True)
    await rig.in_progress(run, 1)
    await rig.stack.simulator.add_rules(NO_LIST)
    await rig.pool.execute("UPDATE dispatcher_lease SET identity = 'another cluster/00000001'")
    await rig.until(lambda: untrusted(rig), "not trusted")
    await rig.end_calls(run)
    assert await rig.settled(STARTED) == 1
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "services.dispatcher", "trust-database"),
        env={**base_environment(), "DATABASE_URL": rig.stack.database_url},
        cwd=rig.stack.run.path,
    )
    assert await process.wait() == 0
    await rig.in_progress(run, 1)
    await rig.until(lambda: is_ready(rig), "ready again with the next renewal of the lease")


async def test_a_call_that_a_live_row_accounts_for_costs_no_other_job(rig: Rig) -> None:
    """The same lead waits in a second run while the first one's create was never answered: that call is its own."""
    await rig.stack.simulator.once({"mode": "reset_after_accept"})
    business = await rig.business(cap=2)
    (lead,) = await rig.leads(business, 1)
    first = await rig.start_run(business, [lead])

    async def uncertain() -> bool:
        return await rig.states(first) == {"uncertain": 1}

    await rig.until(uncertain, "uncertain")
    second = await rig.start_run(business, [lead])
    await rig.pool.execute("UPDATE dispatcher_lease SET identity = 'another cluster/00000001'")
    await rig.stack.logged("dispatcher", "ACCOUNT_COMPARED")
    await rig.stack.logged("dispatcher", "DATABASE_TRUSTED")
    assert await rig.statuses(second) == {"queued": 1}


async def test_a_call_that_the_listing_shows_as_going_on_after_its_end_is_told_once(rig: Rig) -> None:
    await rig.stack.simulator.add_rules({"mode": "lying_status", "params": {"status": "ringing"}})
    run = await rig.run(await rig.business(cap=1), 3, publish=True)
    await rig.in_progress(run, 1)
    await rig.stack.stop("dispatcher")
    await rig.end_calls(run)
    (call,) = await rig.pool.fetch("SELECT * FROM calls WHERE run_id = $1", run)
    await rig.pool.execute("UPDATE dispatcher_lease SET identity = 'another cluster/00000001'")
    await rig.stack.start("dispatcher")
    await rig.stack.logged("dispatcher", "DATABASE_TRUSTED")
    (line,) = rig.events("PROVIDER_CONTRADICTION")
    assert (line["action"], line["call_id"], line["call_sid"]) == ("live_after_end", call["id"], call["call_sid"])
    assert (line["known_state"], line["known_outcome"], line["known_how"]) == ("ended", call["outcome"], "callback")
    assert line["said"] in ("queued", "ringing", "in-progress")
    assert await rig.metric('ringfence_provider_contradictions_total{kind="live_after_end"}') == 1
