"""How fast a claim lets calls go, and how an account that refuses holds them back."""

import asyncio
from collections import Counter
from datetime import datetime, timedelta

from tests.integration.campaigns import Campaigns, Row, new_sid
from tests.integration.claims.conftest import Crew
from tests.integration.claims.parts import answered, claim_all, ended, verdict

RATE = "UPDATE {table} SET calls_per_second = $1"


async def _claim_for(session: Campaigns, businesses: list[int], count: int) -> Counter[int]:
    """Claim until the crew together has so many calls, coming back when the verdict says so."""
    claimed: Counter[int] = Counter()
    async with asyncio.timeout(300):
        while await session.connection.fetchval("SELECT count(*) FROM calls") < count:
            rows = await claim_all(session, businesses)
            claimed.update(row["business_id"] for row in rows if row["verdict"] == "claimed")
            await asyncio.sleep(min(row["retry_in"] or 0 for row in rows if row["call_id"] is None))
    return claimed


def _most_in_a_window(moments: list[datetime], rate: float) -> float:
    """By how much any window holds more calls than rate * (window + 0.02 s) + 1; at most nothing when it is exact."""
    return max(
        (last - first + 1) - (rate * ((moments[last] - moments[first]).total_seconds() + 0.02) + 1)
        for first in range(len(moments))
        for last in range(first, len(moments))
    )


async def _moments(campaigns: Campaigns) -> list[datetime]:
    return [row["created_at"] for row in await campaigns.rows("SELECT created_at FROM calls ORDER BY created_at")]


async def test_a_businesss_rate_is_exact_whoever_claims(campaigns: Campaigns, crew: Crew) -> None:
    """A rate that several claimers may each use in full is that many times the rate."""
    business = await campaigns.business(cap=500)
    await campaigns.run(business, 200)
    for rate in (25.0, 200.0):
        await campaigns.connection.execute(RATE.format(table="businesses"), rate)
        await campaigns.connection.execute("DELETE FROM calls")
        await asyncio.gather(*(_claim_for(session, [business], 60) for session in await crew(3)))
        assert _most_in_a_window(await _moments(campaigns), rate) < 0.001


async def test_the_shared_accounts_rate_is_exact_over_all_who_use_it(campaigns: Campaigns, crew: Crew) -> None:
    """The provider refuses what comes faster than the account may dial, whoever's call it is."""
    businesses = [await campaigns.business(cap=100) for _ in range(6)]
    for business in businesses:
        await campaigns.run(business, 60)
    await campaigns.connection.execute(RATE.format(table="accounts"), 40.0)
    await asyncio.gather(*(_claim_for(session, businesses, 60) for session in await crew(3)))
    assert _most_in_a_window(await _moments(campaigns), 40.0) < 0.001


async def test_a_slow_shared_account_serves_every_business_in_turn(campaigns: Campaigns) -> None:
    """Whoever comes first in a list must not take every token, or the last one never dials."""
    businesses = [await campaigns.business(cap=100) for _ in range(12)]
    for business in businesses:
        await campaigns.run(business, 30)
    await campaigns.connection.execute(RATE.format(table="accounts"), 0.001)
    claimed: Counter[int] = Counter()
    for _ in range(48):
        await campaigns.connection.execute("UPDATE accounts SET next_dial_at = clock_timestamp()")
        (row,) = [row for row in await claim_all(campaigns, businesses) if row["verdict"] == "claimed"]
        claimed[row["business_id"]] += 1
    assert set(claimed) == set(businesses)
    assert max(claimed.values()) - min(claimed.values()) <= 1


async def test_each_business_keeps_its_own_rate(campaigns: Campaigns) -> None:
    slow, fast = await campaigns.business(cap=50), await campaigns.business(cap=50)
    for business in (slow, fast):
        await campaigns.run(business, 50)
    await campaigns.connection.execute("UPDATE businesses SET calls_per_second = 0.01 WHERE id = $1", slow)
    rows = await claim_all(campaigns, [slow, fast])
    claimed = Counter(row["business_id"] for row in rows if row["verdict"] == "claimed")
    assert claimed[slow] == 1
    assert claimed[fast] > 1
    (verdict_,) = [row for row in rows if row["business_id"] == slow and row["call_id"] is None]
    assert verdict_["verdict"] == "rate"
    assert 10 < verdict_["retry_in"] <= 100


async def _blocked(campaigns: Campaigns) -> Row:
    return (await campaigns.rows("SELECT * FROM accounts"))[0]


async def test_three_ambiguous_answers_in_a_row_open_the_breaker(campaigns: Campaigns) -> None:
    """A provider that does not answer must not be given the whole campaign as uncertain calls."""
    business = await campaigns.business(cap=20)
    await campaigns.run(business, 20)
    calls = await campaigns.claim_so_many(business, 7)
    answers = [await answered(campaigns, call, "ambiguous", code="timeout") for call in calls[:5]]
    changes = [answer["account_change"] for answer in answers]
    assert changes == [None, None, "opened", None, None]
    assert (await _blocked(campaigns))["blocked_code"] == "timeout"
    assert await verdict(campaigns, business) == "provider"


async def test_an_accepted_call_between_them_starts_the_count_again(campaigns: Campaigns) -> None:
    business = await campaigns.business(cap=20)
    await campaigns.run(business, 20)
    calls = await campaigns.claim_so_many(business, 5)
    for call, klass in zip(calls, ["ambiguous", "ambiguous", "accepted", "ambiguous", "ambiguous"], strict=True):
        sid = new_sid() if klass == "accepted" else None
        assert (await answered(campaigns, call, klass, sid))["account_change"] is None
    assert (await _blocked(campaigns))["blocked_code"] is None


async def test_a_blocked_account_is_probed_once_at_a_time_with_growing_pauses(campaigns: Campaigns) -> None:
    """Without the probe dialling never resumes by itself; without the pause a blocked account is hammered."""
    business = await campaigns.business(cap=20)
    await campaigns.run(business, 20)
    (call, other) = (await campaigns.claim_so_many(business, 2))[:2]
    before = await _now(campaigns)
    assert (await answered(campaigns, call, "account_blocked", code="20003"))["account_change"] == "opened"
    await answered(campaigns, other, "account_blocked", code="20003")  # was on its way when the first was refused
    for seconds in (5, 10, 20, 30):
        retry_at = (await _blocked(campaigns))["retry_at"]
        pause = timedelta(seconds=seconds)
        assert before + pause <= retry_at <= await _now(campaigns) + pause
        await campaigns.connection.execute("UPDATE accounts SET retry_at = clock_timestamp() + interval '1 h'")
        assert await verdict(campaigns, business) == "provider"
        await campaigns.connection.execute("UPDATE accounts SET retry_at = clock_timestamp()")
        (probe,) = await campaigns.claim(business, send_within=600)
        assert await verdict(campaigns, business) == "provider"
        before = await _now(campaigns)
        await answered(campaigns, probe, "account_blocked", code="20003")
    await campaigns.connection.execute("UPDATE accounts SET retry_at = clock_timestamp()")
    (probe,) = await campaigns.claim(business)
    assert (await answered(campaigns, probe, "accepted", new_sid()))["account_change"] == "closed"
    assert len(await campaigns.claim(business)) > 1


async def _now(campaigns: Campaigns) -> datetime:
    moment: datetime = await campaigns.connection.fetchval("SELECT clock_timestamp()")
    return moment


async def test_an_answer_from_before_the_block_does_not_close_it(campaigns: Campaigns) -> None:
    """A create that had left before says nothing of the account now."""
    business = await campaigns.business(cap=20)
    await campaigns.run(business, 20)
    first, second = await campaigns.claim_so_many(business, 2)
    await answered(campaigns, first, "throttled", code="20429", retry_after=200)
    assert (await answered(campaigns, second, "accepted", new_sid()))["account_change"] is None
    rows = await claim_all(campaigns, [business])
    assert rows[-1]["verdict"] == "provider"
    assert 20 < rows[-1]["retry_in"] <= 200


async def test_a_missed_deadline_says_nothing_about_the_account(campaigns: Campaigns) -> None:
    business = await campaigns.business(cap=5)
    await campaigns.run(business, 5)
    for _ in range(4):
        call = (await campaigns.claim_so_many(business, 1))[0]
        assert (await answered(campaigns, call, "deadline"))["account_change"] is None
    assert (await _blocked(campaigns))["blocked_code"] is None


async def test_what_a_slot_waited_for_leaves_out_what_held_it_back(campaigns: Campaigns) -> None:
    """Turnaround measures us, not the rate that was agreed or an account that refused."""
    business = await campaigns.business(cap=2)
    await campaigns.run(business, 10)
    calls = await campaigns.claim_so_many(business, 2)
    assert [call["waited"] for call in calls] == [None, None]  # the slots had been free before there was a job
    await ended(campaigns, calls[0])
    earlier = "UPDATE calls SET ended_at = ended_at - interval '500 s' WHERE id = $1"
    await campaigns.connection.execute("UPDATE outbound_call_jobs SET updated_at = updated_at - interval '6000 s'")
    await campaigns.connection.execute(earlier, calls[0]["call_id"])
    await campaigns.connection.execute("UPDATE accounts SET next_dial_at = '-infinity'")
    await campaigns.connection.execute("UPDATE businesses SET next_dial_at = clock_timestamp() - interval '100 s'")
    (held,) = await campaigns.claim(business)
    assert 100 <= held["waited"] < 400
    await ended(campaigns, calls[1])
    await campaigns.connection.execute(earlier, calls[1]["call_id"])
    await campaigns.connection.execute(
        "UPDATE businesses SET next_dial_at = '-infinity'; UPDATE accounts SET next_dial_at = '-infinity'"
    )
    (free,) = await campaigns.claim(business)
    assert 500 <= free["waited"] < 3000


async def test_the_slowest_and_the_fastest_rate_can_be_claimed_with(campaigns: Campaigns) -> None:
    """A rate whose next moment the database cannot write down would stop the claims of every business."""
    for rate in (0.0001, 100_000.0):
        business = await campaigns.business(cap=50)
        await campaigns.run(business, await campaigns.leads(business, 50))
        for table in ("businesses", "accounts"):
            await campaigns.connection.execute(RATE.format(table=table), rate)
        claimed = [row for row in await claim_all(campaigns, [business]) if row["verdict"] == "claimed"]
        assert len(claimed) == (1 if rate < 1 else 50)
        await campaigns.connection.execute("UPDATE accounts SET next_dial_at = '-infinity'")
