"""What a callback costs does not grow with what the database holds."""

from __future__ import annotations

import json
from collections import Counter

import asyncpg
import pytest

from shared.queries import callbacks
from tests.integration.campaigns import Campaigns, Row, campaigns_in, new_sid
from tests.integration.pages import pages_fetched

MANY = 50_000
CROWD = 2000
FEW_PAGES = 150
OLD_CALLS = """
    INSERT INTO calls (business_id, run_id, job_id, lead_id, account_id, attempt, dial_token, to_number, from_number,
                       call_sid, state, outcome, deadline, expires_at, ended_at)
    SELECT j.business_id, j.run_id, j.id, j.lead_id, $1, 1, gen_random_uuid(), l.phone, '+15005550006',
        'CA' || md5(j.id::text), 'ended', 'answered', clock_timestamp(), clock_timestamp(), clock_timestamp()
    FROM outbound_call_jobs j JOIN leads l ON l.id = j.lead_id
"""
OLD_EVENTS = """
    INSERT INTO call_events (business_id, call_id, call_sid, event, fields)
    SELECT business_id, id, call_sid, 'completed', '{}' FROM calls
"""
HALF_DONE = """
    UPDATE outbound_call_jobs SET status = 'completed', outcome = 'answered', dialed = true
    WHERE id <= (SELECT min(id) + $1 FROM outbound_call_jobs)
"""
TOUCHED = """
    SELECT sum(seq_tup_read)::integer AS walked, sum(idx_tup_fetch)::integer AS fetched FROM pg_stat_xact_user_tables
    WHERE relname IN ('calls', 'outbound_call_jobs', 'call_events', 'leads')
"""
WRITES = """
    SELECT relname, n_tup_upd AS updated, n_tup_hot_upd AS in_place FROM pg_stat_xact_user_tables
    WHERE relname IN ('calls', 'outbound_call_jobs', 'outbound_call_runs')
"""
ENDED = ("calls", "outbound_call_jobs")
RECORD = "SELECT result FROM ringfence_record_callbacks($1, '60 s', false)"


def item(call: Row, event: str, rank: int, outcome: str | None, sid: str | None = None) -> str:
    told = {
        "token": str(call["dial_token"]),
        "call_sid": sid or new_sid(),
        "event": event,
        "rank": rank,
        "outcome": outcome,
    }
    return json.dumps([{"n": 0, "sequence": 1, "code": None, "fields": {}, **told}])


async def test_a_callback_touches_a_few_rows_among_many(database_url: str) -> None:
    """When this breaks the slots of a large campaign come free ever more slowly as it goes on."""
    async with campaigns_in(database_url) as campaigns:
        connection: asyncpg.Connection = campaigns.connection
        account = await campaigns.account(shared=True)
        business = await campaigns.business()
        await campaigns.run(business, MANY)
        await connection.execute(OLD_CALLS, account)
        await connection.execute(OLD_EVENTS)
        await connection.execute(HALF_DONE, MANY // 2)
        ringing, ending = await campaigns.claim_so_many(business, 2)
        await connection.execute("ANALYZE")

        for callback in (item(ringing, "ringing", 2, None), item(ending, "completed", 4, "answered")):
            async with connection.transaction():
                before = await connection.fetchrow(TOUCHED)
                find = str(callbacks.FIND_CALLS).replace(":tokens", "$1")
                assert len(await connection.fetch(find, [ringing["dial_token"]])) == 1
                assert await connection.fetchval(RECORD, callback) == "recorded"
                after = await connection.fetchrow(TOUCHED)
            assert after["walked"] == before["walked"]
            assert after["fetched"] - before["fetched"] < 60


@pytest.mark.parametrize(
    ("event", "rank", "outcome", "writes"),
    [
        ("ringing", 2, None, {"calls": 1}),
        ("in-progress", 3, None, {"calls": 1}),
        ("completed", 4, "answered", {name: 1 for table in ENDED for name in (table, f"indexes of {table}")}),
    ],
)
async def test_a_callback_writes_each_row_once_and_in_place_while_the_call_goes_on(
    database_url: str, event: str, rank: int, outcome: str | None, writes: dict[str, int]
) -> None:
    """When this breaks each callback writes a new entry into every index of calls."""
    async with campaigns_in(database_url) as campaigns:
        await campaigns.account(shared=True)
        business, sid = await campaigns.business(), new_sid()
        await campaigns.run(business, 2)
        call = (await campaigns.claim(business))[0]
        await campaigns.dialled(call, "accepted", sid)
        async with campaigns.connection.transaction():  # else the counts may be handed over in between
            before = await _writes(campaigns.connection)
            await campaigns.connection.fetchval(RECORD, item(call, event, rank, outcome, sid))
            after = await _writes(campaigns.connection)
        assert {name: after[name] - before[name] for name in after if after[name] != before[name]} == writes


async def test_plans_made_before_anybody_was_rung_walk_no_others_calls(database_url: str) -> None:
    """With no rows a table read whole costs as little as an index; the plan is kept until somebody analyses."""
    async with campaigns_in(database_url) as campaigns:
        await campaigns.account(shared=True)
        business = await campaigns.business(cap=4)
        await campaigns.run(business, 4)
        first, second, third, fourth = await campaigns.claim_so_many(business, 4)
        assert await _recorded_pages(campaigns, first)
        assert await _ended_pages(campaigns, second)
        other = await campaigns.business(cap=CROWD)
        await campaigns.run(other, 2 * CROWD)
        await campaigns.claim_so_many(other, CROWD)
        assert await _recorded_pages(campaigns, third) < FEW_PAGES
        assert await _ended_pages(campaigns, fourth) < FEW_PAGES


async def _recorded_pages(campaigns: Campaigns, call: Row) -> int:
    """How many pages the record of an answer touches."""
    answer = {"call_id": call["call_id"], "token": str(call["dial_token"]), "class": "accepted", "call_sid": new_sid()}
    return await _pages(campaigns, "SELECT * FROM ringfence_record_dials($1, '5 s', '60 s')", json.dumps([answer]))


async def _ended_pages(campaigns: Campaigns, call: Row) -> int:
    """How many pages the end of a call touches."""
    return await _pages(campaigns, RECORD, item(call, "completed", 4, "answered"))


async def _pages(campaigns: Campaigns, statement: str, value: str) -> int:
    async with campaigns.connection.transaction():
        return await pages_fetched(campaigns.connection, statement, value)


async def _writes(connection: asyncpg.Connection) -> Counter[str]:
    """How many rows of each table were written, and of how many of them an index has to be told."""
    rows = await connection.fetch(WRITES)
    return Counter({row["relname"]: row["updated"] for row in rows}) + Counter(
        {f"indexes of {row['relname']}": row["updated"] - row["in_place"] for row in rows}
    )
