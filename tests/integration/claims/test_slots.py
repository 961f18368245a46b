"""Which slots a claim takes, and what it costs to find them."""

from __future__ import annotations

from typing import Any

import asyncpg

from tests.integration.campaigns import WORKER, Campaigns
from tests.integration.claims.parts import CLAIM, ended
from tests.integration.pages import pages_without_trace

CALLS = 240
CROWD = 2000


async def _slots(campaigns: Campaigns, calls: list[Any]) -> list[int]:
    return [(await campaigns.call(call))["slot_no"] for call in calls]


async def test_the_slot_that_was_freed_first_is_taken_first(campaigns: Campaigns) -> None:
    business = await campaigns.business(cap=3)
    await campaigns.run(business, 10)
    calls = await campaigns.claim_so_many(business, 3)
    assert await _slots(campaigns, calls) == [0, 1, 2]
    for place in (2, 0):
        await ended(campaigns, calls[place])
    again = await campaigns.claim_so_many(business, 2)
    assert await _slots(campaigns, again) == [2, 0]


async def test_slots_that_were_never_used_are_taken_after_those_that_were(campaigns: Campaigns) -> None:
    """A cap that was raised gives slots that nobody has waited for."""
    business = await campaigns.business(cap=2)
    await campaigns.run(business, 10)
    calls = await campaigns.claim_so_many(business, 2)
    await ended(campaigns, calls[1])
    await campaigns.connection.execute("UPDATE businesses SET max_concurrent_calls = 4 WHERE id = $1", business)
    again = await campaigns.claim_so_many(business, 3)
    assert await _slots(campaigns, again) == [1, 2, 3]
    assert [call["waited"] is None for call in again] == [False, True, True]


async def test_calls_above_a_lowered_cap_count_and_their_slots_are_not_given_again(campaigns: Campaigns) -> None:
    business = await campaigns.business(cap=4)
    await campaigns.run(business, 10)
    calls = await campaigns.claim_so_many(business, 4)
    await campaigns.connection.execute("UPDATE businesses SET max_concurrent_calls = 2 WHERE id = $1", business)
    for place in (0, 3):
        await ended(campaigns, calls[place])
    assert await campaigns.claim(business) == []
    await ended(campaigns, calls[2])
    (last,) = await campaigns.claim_so_many(business, 1)
    assert await _slots(campaigns, [last]) == [0]
    assert await campaigns.claim(business) == []


async def _pages(campaigns: Campaigns, business: int) -> int:
    return await pages_without_trace(campaigns.connection, CLAIM, [business], WORKER, campaigns.epoch, 1)


async def test_a_claim_does_not_read_what_ended_while_somebody_held_a_snapshot(
    campaigns: Campaigns, database_url: str
) -> None:
    """Nothing that has ended can be cleaned up then; counting what lives by what lives would walk all of it."""
    business = await campaigns.business(cap=3)
    await campaigns.run(business, CALLS + 10)
    calls = await campaigns.claim_so_many(business, 2)
    before = await _pages(campaigns, business)
    elsewhere = await asyncpg.connect(database_url)
    try:
        await elsewhere.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        await elsewhere.fetchval("SELECT count(*) FROM accounts")
        for _ in range(CALLS // 2):
            for call in calls:
                await ended(campaigns, call)
            calls = await campaigns.claim_so_many(business, 2)
        assert await _pages(campaigns, business) < before + CALLS
    finally:
        await elsewhere.close()


async def test_a_claim_reads_few_of_a_long_runs_jobs_before_anybody_analysed_the_tables(campaigns: Campaigns) -> None:
    """A run of thousands is claimed from at once; the plans that are made then are kept."""
    few = await campaigns.business(cap=3)
    await campaigns.run(few, 5)
    await campaigns.claim(few)
    business = await campaigns.business(cap=3)
    await campaigns.run(business, 5000)
    assert await _pages(campaigns, business) < 300


async def test_plans_made_before_anybody_was_rung_walk_neither_others_calls_nor_others_jobs(
    campaigns: Campaigns,
) -> None:
    """With no rows every index costs the same; the one that was taken then is walked as long as the plan is kept."""
    business = await campaigns.business(cap=3)
    await campaigns.run(business, 5)
    await campaigns.claim_so_many(business, 1)
    before = await _pages(campaigns, business)
    other = await campaigns.business(cap=CROWD)
    await campaigns.run(other, 2 * CROWD)
    await campaigns.claim_so_many(other, CROWD)
    assert await _pages(campaigns, business) < before + 80
