"""Which jobs a claim takes, which it passes over, and that none is forgotten."""

import random
from datetime import timedelta

import pytest

from tests.integration.campaigns import Campaigns, new_sid
from tests.integration.claims.parts import (
    answered,
    broken_invariants,
    called_back,
    claim_all,
    ended,
    look_again,
    verdict,
)


async def test_jobs_are_dialled_in_the_order_of_the_leads_given(campaigns: Campaigns) -> None:
    business = await campaigns.business(cap=2)
    leads = await campaigns.leads(business, 9)
    random.Random(5).shuffle(leads)
    await campaigns.run(business, leads)
    dialled = []
    while calls := await campaigns.claim(business):
        for call in calls:
            dialled.append((await campaigns.job(call))["lead_id"])
            await ended(campaigns, call)
    assert dialled == leads


async def test_the_run_with_the_fewest_live_calls_comes_first(campaigns: Campaigns) -> None:
    """Otherwise a long campaign that came first keeps a short one waiting until it is through."""
    business = await campaigns.business(cap=9)
    long = await campaigns.run(business, 50)
    assert [call["run_id"] for call in await campaigns.claim_so_many(business, 5)] == [long] * 5
    short, other = await campaigns.run(business, 50), await campaigns.run(business, 50)
    taken = [call["run_id"] for call in await campaigns.claim_so_many(business, 4)]
    assert sorted(taken) == [short, short, other, other]


async def test_cap_raised_and_lowered_under_live_calls(campaigns: Campaigns) -> None:
    """Free is the cap less all live calls, whatever numbers their slots have."""
    business = await campaigns.business(cap=2)
    await campaigns.run(business, 50)
    change = "UPDATE businesses SET max_concurrent_calls = $2 WHERE id = $1"
    live = await campaigns.claim(business)
    assert len(live) == 2
    await campaigns.connection.execute(change, business, 5)
    live += await campaigns.claim(business)
    assert len(live) == 5
    await campaigns.connection.execute(change, business, 2)
    for left in (4, 3, 2):
        assert await verdict(campaigns, business) == "slots"
        await ended(campaigns, live.pop(0))  # the ones that stay have the higher slot numbers
        assert len(live) == left
    assert await verdict(campaigns, business) == "slots"
    await ended(campaigns, live.pop(0))
    assert len(await campaigns.claim(business)) == 1
    assert await broken_invariants(campaigns) == []


async def test_a_lead_that_is_being_rung_is_passed_over_and_rung_later(campaigns: Campaigns) -> None:
    business = await campaigns.business(cap=3)
    leads = await campaigns.leads(business, 2)
    await campaigns.run(business, leads[:1])
    (live,) = await campaigns.claim(business)
    later = await campaigns.run(business, leads)
    (other,) = await campaigns.claim(business)
    assert (await campaigns.job(other))["lead_id"] == leads[1]
    assert await verdict(campaigns, business) == "uncertain"
    await ended(campaigns, live)
    (passed_over,) = await campaigns.claim(business)
    assert ((await campaigns.job(passed_over))["lead_id"], passed_over["run_id"]) == (leads[0], later)


async def test_a_number_with_an_unsure_call_is_passed_over_on_its_account_only(campaigns: Campaigns) -> None:
    """Two unsure calls to one number on one account could not be told apart in the provider's list."""
    phone = "+972501112233"
    own = await campaigns.account()
    first, second = [await campaigns.business() for _ in range(2)]
    elsewhere = await campaigns.business(account=own, sealed=b"sealed")
    for business in (first, second, elsewhere):
        insert = "INSERT INTO leads (business_id, phone) VALUES ($1, $2) RETURNING id"
        await campaigns.run(business, [await campaigns.connection.fetchval(insert, business, phone)])
    (unsure,) = await campaigns.claim(first)
    assert len(await campaigns.claim(elsewhere)) == 1
    assert await verdict(campaigns, second) == "uncertain"
    await answered(campaigns, unsure, "ambiguous", code="timeout")
    assert await verdict(campaigns, second) == "uncertain"
    await called_back(campaigns, unsure, new_sid(), "ringing", 2)  # its sid is certain now, and it may go on ringing
    assert len(await campaigns.claim(second)) == 1


async def test_a_run_whose_leads_all_wait_holds_up_no_other(campaigns: Campaigns) -> None:
    """It has the fewest live calls, so it comes first; with one call a second nothing else was ever looked at."""
    business = await campaigns.business(cap=3)
    leads = await campaigns.leads(business, 1)
    await campaigns.run(business, leads)
    (live,) = await campaigns.claim(business)
    waiting = await campaigns.run(business, leads)
    going = await campaigns.run(business, 2)
    for _ in range(2):
        assert [call["run_id"] for call in await campaigns.claim(business, limit=1)] == [going]
    await ended(campaigns, live)
    assert [call["run_id"] for call in await campaigns.claim(business, limit=1)] == [waiting]


async def test_a_job_whose_lead_is_gone_is_closed_and_holds_up_nothing(campaigns: Campaigns) -> None:
    """Rows of an older system name leads that were never here; their runs must come to an end."""
    business = await campaigns.business()
    run = await campaigns.run(business, 3)
    await campaigns.connection.execute("ALTER TABLE outbound_call_jobs DROP CONSTRAINT jobs_lead_fk")
    gone = "UPDATE outbound_call_jobs SET lead_id = lead_id + 1000000 WHERE run_id = $1 AND id > $2 RETURNING id"
    first = await campaigns.connection.fetchval("SELECT min(id) FROM outbound_call_jobs WHERE run_id = $1", run)
    await campaigns.rows(gone, run, first)
    (call,) = await campaigns.claim(business)
    assert call["job_id"] == first
    assert (await ended(campaigns, call))["run_ended"] == "completed"
    outcomes = await campaigns.rows("SELECT outcome FROM outbound_call_jobs WHERE run_id = $1 ORDER BY id", run)
    assert [row["outcome"] for row in outcomes] == ["answered", "not_dialed", "not_dialed"]


@pytest.mark.parametrize("seed", range(3))
async def test_no_job_is_ever_left_below_the_floor(campaigns: Campaigns, seed: int) -> None:
    """A random walk of claims, ends, refusals, returns and settlings: all jobs come to their end, in one call each."""
    chance = random.Random(seed)
    business = await campaigns.business(cap=4)
    leads = await campaigns.leads(business, 25)
    runs = [await campaigns.run(business, chance.sample(leads, 15)) for _ in range(3)]
    live = []
    for _ in range(120):
        live += [row for row in await claim_all(campaigns, [business], chance.randint(1, 4)) if row["call_id"]]
        chance.shuffle(live)
        for call in [live.pop() for _ in range(min(len(live), chance.randint(0, 3)))]:
            match chance.randint(0, 5):
                case 0 | 1:
                    await ended(campaigns, call)
                case 2:
                    await answered(campaigns, call, "number_rejected", code="21211")
                case 3:
                    await answered(campaigns, call, chance.choice(["deadline", "not_sent", "throttled"]))
                    await campaigns.connection.execute(
                        "UPDATE accounts SET blocked_code = NULL, blocked_since = NULL, retry_at = NULL, refusals = 0"
                    )
                case 4:
                    await answered(campaigns, call, "deadline")
                case _:
                    await answered(campaigns, call, "ambiguous")
                    await campaigns.connection.execute("UPDATE accounts SET ambiguous_in_a_row = 0")
                    for hours in (1, 2):
                        await look_again(campaigns, call, "absent", timedelta(hours=hours))
        assert await broken_invariants(campaigns) == []
    for call in live:
        await ended(campaigns, call)
    while rest := await campaigns.claim_so_many(business, 1) if await _open(campaigns, business) else []:
        for call in rest:
            await ended(campaigns, call)
    assert {(await campaigns.run_row(run))["status"] for run in runs} == {"completed"}
    assert await broken_invariants(campaigns) == []


async def _open(campaigns: Campaigns, business: int) -> bool:
    query = "SELECT count(*) FROM outbound_call_runs WHERE business_id = $1 AND ended_at IS NULL"
    return bool(await campaigns.connection.fetchval(query, business))
