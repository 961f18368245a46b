"""How much is asked of the provider at once, and who is held up by what."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from services.reaper.rounds import Rounds
from shared.process import Stop, Tasks
from shared.queries.checks import Check
from tests.integration.campaigns import FROM_NUMBER
from tests.integration.reaper.rig import ACCOUNT, OneToken, Rig, eventually

MANY = 10_000


@asynccontextmanager
async def hanging_looks(rig: Rig, count: int) -> AsyncIterator[None]:
    """While the provider thinks about so many looks and does not come to an end."""
    rig.provider.pause = 600
    await rig.reaper.sweeper.calls()
    stop = Stop()

    async def under_way() -> bool:
        return rig.provider.under_way[ACCOUNT] == count

    async with Tasks(stop, grace=0.1) as tasks:
        tasks.start("looks", rig.reaper.looks.go(tasks, stop, 0.05))
        await eventually(under_way)
        yield
        stop.set()


async def use_account(rig: Rig, sid: str) -> None:
    """Dial on another shared account from now on."""
    await rig.campaigns.connection.execute("UPDATE accounts SET is_shared = false")
    await rig.campaigns.account(sid, shared=True)


async def test_one_account_is_asked_five_things_at_once_and_all_together_twenty(rig: Rig) -> None:
    rig.provider.pause = 0.1
    for at in range(6):
        await use_account(rig, f"AC{at}")
        await rig.uncertain_calls(12)
    reaper = await rig.another(OneToken)
    await reaper.look()
    assert rig.provider.asked["list"] == 72
    at_most = rig.provider.most_at_once
    assert 5 < at_most["all"] <= 20
    assert all(at_most[f"AC{at}"] <= 5 for at in range(6))


async def test_two_reapers_share_the_looks_and_never_look_at_one_call_together(rig: Rig) -> None:
    calls = await rig.uncertain_calls(60)
    rig.provider.pause = 0.02
    other = await rig.another()
    await asyncio.gather(rig.reaper.look(), other.look())
    assert rig.provider.asked["list"] == len(calls)
    assert rig.provider.doubled == []


async def test_a_look_that_a_dead_reaper_had_taken_is_taken_again_later(rig: Rig) -> None:
    call = await rig.uncertain_call()
    await rig.reaper.sweeper.calls()
    (taken,) = await rig.reaper.looker.take(20, 5, [])
    other = await rig.another()
    assert await other.looker.take(20, 5, []) == []
    await rig.pass_time(29)
    (again,) = await other.looker.take(20, 5, [])
    assert taken.call_id == again.call_id == call["call_id"]


async def test_the_word_of_a_reaper_that_was_frozen_for_long_changes_nothing_that_is_over(rig: Rig) -> None:
    call = await rig.uncertain_call()
    await rig.reaper.sweeper.calls()
    (taken,) = await rig.reaper.looker.take(20, 5, [])
    await rig.campaigns.given_up(call)
    (again,) = await rig.campaigns.claim(call["business_id"])
    await rig.reaper.looker.look(taken)
    assert (await rig.campaigns.call(again))["state"] == "dialing"
    assert (await rig.campaigns.job(again))["status"] == "dialing"


async def test_a_slow_provider_delays_no_nudge_and_no_correction(rig: Rig) -> None:
    await rig.uncertain_calls(40)
    async with hanging_looks(rig, 5):
        for seconds in (600, 2600):
            await rig.pass_time(seconds)
            await rig.reaper.sweeper.runs()
        assert rig.provider.under_way[ACCOUNT] == 5
    (run,) = await rig.campaigns.rows("SELECT status FROM outbound_call_runs")
    assert run["status"] == "stopped"


async def test_no_lock_is_held_while_the_provider_thinks(rig: Rig) -> None:
    call = await rig.uncertain_call()
    async with hanging_looks(rig, 1):
        locked = await rig.campaigns.rows(
            """SELECT c.id FROM calls c JOIN outbound_call_jobs j ON j.id = c.job_id
               JOIN outbound_call_runs r ON r.id = c.run_id WHERE c.id = $1 FOR UPDATE NOWAIT""",
            call["call_id"],
        )
    assert len(locked) == 1


async def test_an_account_that_is_refused_rests_and_the_others_are_looked_at(rig: Rig) -> None:
    """A 401 of one account is logged once, and its calls are not asked for again and again."""
    await rig.uncertain_calls(30)
    await use_account(rig, "AC2")
    others = await rig.uncertain_calls(3)
    rig.provider.status, rig.provider.of = 401, frozenset({ACCOUNT})
    reaper = await rig.another(OneToken)
    with structlog.testing.capture_logs() as logs:
        await reaper.look()
        await reaper.look()
    rows = await rig.campaigns.rows(
        "SELECT denied_at FROM calls WHERE id = ANY($1)", [call["call_id"] for call in others]
    )
    assert all(row["denied_at"] is not None for row in rows)
    assert sum(line["event"] == "PROVIDER_AWAY" for line in logs) == 1
    assert rig.provider.asked["list"] <= 3 + 10
    rig.provider.status = 200

    async def back() -> bool:
        await reaper.look()
        return any(line["event"] == "PROVIDER_BACK" for line in logs)

    with structlog.testing.capture_logs() as logs:
        await eventually(back)
        await rig.pass_time(60)
        await reaper.look()
    (left,) = await rig.campaigns.rows("SELECT count(*) FROM calls WHERE denied_at IS NULL")
    assert left["count"] == 0


async def test_ten_thousand_due_calls_are_taken_in_small_batches(rig: Rig) -> None:
    business = await rig.campaigns.business(cap=MANY)
    await rig.campaigns.connection.execute(_MANY_CALLS, business, MANY, FROM_NUMBER)
    seen: list[int] = []
    sizes: list[int] = []

    async def take(limit: int, per_account: int, busy: list[int]) -> list[Check]:
        taken = await rig.reaper.looker.take(limit, 4 * per_account, busy)
        sizes.append(len(taken))
        return taken

    async def look(check: Check) -> None:
        seen.append(check.call_id)

    rounds = Rounds("look", take, look, rig.reaper.desk, rig.reaper.outages)
    stop = Stop()
    async with Tasks(stop, grace=30) as tasks:
        await rounds.go(tasks, stop, 1.0)
        stop.set()
    assert len(seen) == len(set(seen)) == MANY
    assert max(sizes) == 20


_MANY_CALLS = """
    WITH lead AS (
        INSERT INTO leads (business_id, phone)
        SELECT $1::bigint, '+1212' || (1000000 + n) FROM generate_series(1, $2::int) n RETURNING id, phone
    ), run AS (
        INSERT INTO outbound_call_runs (business_id, status, total_leads) SELECT $1, 'running', $2 RETURNING id
    ), job AS (
        INSERT INTO outbound_call_jobs (business_id, run_id, lead_id, status)
        SELECT $1, run.id, lead.id, 'dialing' FROM lead, run RETURNING id, run_id, lead_id
    )
    INSERT INTO calls (business_id, run_id, job_id, lead_id, account_id, attempt, slot_no, dial_token, to_number,
                       from_number, state, deadline, expires_at, next_check_at)
    SELECT $1, job.run_id, job.id, job.lead_id, (SELECT min(id) FROM accounts), 1, row_number() OVER () - 1,
        gen_random_uuid(), lead.phone, $3, 'uncertain', now(), now() + interval '1 h', now()
    FROM job JOIN lead ON lead.id = job.lead_id
"""
