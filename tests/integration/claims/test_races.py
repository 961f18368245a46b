"""Claims raced by several sessions, and sessions that freeze with a row in hand."""

import asyncio
import random

import pytest

from tests.integration.campaigns import Campaigns, Row
from tests.integration.claims.conftest import Crew
from tests.integration.claims.parts import broken_invariants, claim_all, ended, verdict

PATIENCE = 300.0
COUNT_AFTER_CLAIM = """
    CREATE FUNCTION count_after_claim() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        over bigint;
    BEGIN
        SELECT c.business_id INTO over FROM calls c JOIN businesses b ON b.id = c.business_id WHERE c.ended_at IS NULL
        GROUP BY c.business_id, b.max_concurrent_calls HAVING count(*) > b.max_concurrent_calls;
        IF over IS NOT NULL THEN
            RAISE EXCEPTION 'business % has more live calls than its cap', over;
        END IF;
        RETURN NULL;
    END $$;
    CREATE TRIGGER count_after_claim AFTER INSERT ON calls EXECUTE FUNCTION count_after_claim();
"""


async def _claim_and_end(
    session: Campaigns, businesses: list[int], rounds: int, seed: int, all_taken: list[int]
) -> None:
    """Claim again and again, and end some of what is live, until all sessions together took more than `rounds`."""
    chance = random.Random(seed)
    live: list[Row] = []
    done = 0
    while done < rounds or len(all_taken) <= rounds:
        done += 1
        chosen = chance.sample(businesses, chance.randint(1, len(businesses)))
        calls = [row for row in await claim_all(session, chosen, chance.randint(1, 9)) if row["verdict"] == "claimed"]
        all_taken += [call["job_id"] for call in calls]
        live += calls
        for call in chance.sample(live, min(len(live), chance.randint(0, 3))):
            live.remove(call)
            await ended(session, call)
    for call in live:
        await ended(session, call)


@pytest.mark.parametrize(("sessions", "rounds"), [(2, 60), (8, 25)])
async def test_racing_claims_never_exceed_a_cap_nor_take_a_job_or_lead_twice(
    campaigns: Campaigns, crew: Crew, sessions: int, rounds: int
) -> None:
    """A claim that counts before it holds the business, or that takes a job unlocked, rings somebody twice.

    The trigger counts after each claim, whatever numbers the slots have; constraints turn a lead or job that is taken
    twice into an error, and none is tolerated here.
    """
    await campaigns.connection.execute(COUNT_AFTER_CLAIM)
    businesses = [await campaigns.business(cap=cap) for cap in (1, 3, 5)]
    for business in businesses:
        shared_leads = await campaigns.leads(business, 40)
        await campaigns.run(business, shared_leads)
        await campaigns.run(business, shared_leads[20:] + await campaigns.leads(business, 40))
    crews = await crew(sessions)
    taken: list[int] = []
    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(
            *(_claim_and_end(session, businesses, rounds, seed, taken) for seed, session in enumerate(crews))
        )
    assert len(taken) > rounds
    assert len(taken) == len(set(taken))
    assert await broken_invariants(campaigns) == []


@pytest.mark.parametrize("table", ["businesses", "outbound_call_runs", "accounts"])
async def test_a_frozen_session_holds_up_nobody_else(campaigns: Campaigns, crew: Crew, table: str) -> None:
    """A claim that waits for a row stops every business for as long as its holder is frozen."""
    own = await campaigns.account()
    frozen_business = await campaigns.business(account=own, sealed=b"sealed")
    other = await campaigns.business()
    frozen_run = await campaigns.run(frozen_business, 5)
    await campaigns.run(other, 5)
    held = {"businesses": frozen_business, "outbound_call_runs": frozen_run, "accounts": own}[table]
    frozen, working = await crew(2)
    await working.connection.execute("SET lock_timeout = '1ms'")
    async with frozen.connection.transaction():
        await frozen.connection.execute(f"SELECT 1 FROM {table} WHERE id = $1 FOR NO KEY UPDATE", held)
        rows = await claim_all(working, [frozen_business, other])
        assert {row["business_id"] for row in rows if row["verdict"] == "claimed"} == {other}
        assert {row["business_id"]: row["verdict"] for row in rows if row["call_id"] is None} == {
            frozen_business: "busy",
            other: "slots",
        }
    assert len(await working.claim(frozen_business)) == 3


async def test_a_frozen_run_holds_up_no_other_run_of_its_business(campaigns: Campaigns, crew: Crew) -> None:
    """The run with the fewest calls comes first; while it is held the next one must be taken in its place."""
    business = await campaigns.business(cap=1)
    held, free = [await campaigns.run(business, 2) for _ in range(2)]
    frozen, working = await crew(2)
    async with frozen.connection.transaction():
        await frozen.connection.execute("SELECT 1 FROM outbound_call_runs WHERE id = $1 FOR NO KEY UPDATE", held)
        assert [call["run_id"] for call in await working.claim(business)] == [free]


async def test_a_start_in_progress_is_no_obstacle(campaigns: Campaigns, crew: Crew) -> None:
    """Foreign keys of a long start hold the business's key; a claim must not wait for them."""
    business = await campaigns.business()
    await campaigns.run(business, 5)
    starting, working = await crew(2)
    starting.phones = 1000
    async with starting.connection.transaction():
        await starting.run(business, 5)
        assert await verdict(working, business) == "slots"


async def test_of_two_sessions_that_end_the_last_two_jobs_exactly_one_ends_the_run(
    campaigns: Campaigns, crew: Crew
) -> None:
    """If neither sees the other's end the run goes on for ever; if both do, it ends twice."""
    business = await campaigns.business(cap=2)
    first, second = await crew(2)
    for _ in range(40):
        run = await campaigns.run(business, 2)
        calls = await campaigns.claim_so_many(business, 2)
        ends = await asyncio.gather(ended(first, calls[0]), ended(second, calls[1]))
        assert sorted(end["run_ended"] or "" for end in ends) == ["", "completed"]
        assert (await campaigns.run_row(run))["status"] == "completed"


@pytest.mark.parametrize(
    ("statement", "status"),
    [
        ("SELECT verdict FROM ringfence_cancel_run($1, $2)", "cancelled"),
        ("SELECT verdict FROM ringfence_stop_run($1, $2)", "stopped"),
        ("SELECT verdict FROM ringfence_force_cancel_run($1, $2, true)", "cancelled"),
    ],
    ids=["cancel", "stop", "force-cancel"],
)
async def test_no_call_is_claimed_after_a_run_was_told_to_stop(
    campaigns: Campaigns, crew: Crew, statement: str, status: str
) -> None:
    """A claim that looked at the run before it held it dials people whose campaign has been called off."""
    business = await campaigns.business(cap=50)
    claimer, other_claimer, canceller = await crew(3)
    late = "SELECT count(*) FROM calls WHERE run_id = $1 AND id > $2"
    newest = "SELECT coalesce(max(id), 0) FROM calls WHERE run_id = $1"
    for round_ in range(25):
        run = await campaigns.run(business, 30)
        claims = [asyncio.create_task(_claim_until_idle(session, business)) for session in (claimer, other_claimer)]
        await asyncio.sleep(random.Random(round_).random() * 0.01)
        assert await canceller.connection.fetchval(statement, business, run) == "done"
        last = await canceller.connection.fetchval(newest, run)
        calls = [call for claimed in await asyncio.gather(*claims) for call in claimed]
        assert await campaigns.connection.fetchval(late, run, last) == 0
        for call in calls:
            await ended(campaigns, call)
        assert (await campaigns.run_row(run))["status"] == status
    assert await broken_invariants(campaigns) == []


async def _claim_until_idle(session: Campaigns, business: int) -> list[Row]:
    """Claim in small bites until the business has nothing more to give."""
    calls: list[Row] = []
    while True:
        rows = await claim_all(session, [business], 2)
        calls += [row for row in rows if row["verdict"] == "claimed"]
        if rows[-1]["verdict"] in ("idle", "slots"):
            return calls
