"""What hot statements read at 1,000 businesses and 50,000 queued jobs: counted in pages, never in time."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import asyncpg
import pytest

from stack.databases import DatabaseServer
from tests.integration.campaigns import WORKER, Campaigns, campaigns_in, new_sid
from tests.integration.pages import pages_without_trace

BUSINESSES, JOBS_EACH, HISTORY_EACH = 1000, 50, 50

FILL = """
    INSERT INTO accounts (account_sid, is_shared, calls_per_second) VALUES ('AC1', true, 1000);
    INSERT INTO businesses (name, calls_per_second, from_number)
        SELECT 'b', 1000, '+15005550006' FROM generate_series(1, {businesses});
    INSERT INTO leads (business_id, phone)
        SELECT b.id, '+9725' || (10000000 + b.id * 100 + n) FROM businesses b, generate_series(1, {each}) n;
    INSERT INTO outbound_call_runs (business_id, total_leads, status, ended_at, last_heartbeat_at)
        SELECT b.id, {each}, CASE kind WHEN 1 THEN 'completed' ELSE 'running' END,
            CASE kind WHEN 1 THEN now() END, CASE kind WHEN 2 THEN now() END
        FROM businesses b, generate_series(1, 2) kind ORDER BY b.id, kind;
    INSERT INTO outbound_call_jobs (business_id, run_id, lead_id, status, outcome, dialed)
        SELECT r.business_id, r.id, l.id, CASE WHEN r.ended_at IS NULL THEN 'queued' ELSE 'completed' END,
            CASE WHEN r.ended_at IS NOT NULL THEN 'answered' END, r.ended_at IS NOT NULL
        FROM outbound_call_runs r JOIN leads l USING (business_id) ORDER BY r.id, l.id;
    INSERT INTO calls (business_id, run_id, job_id, lead_id, account_id, slot_no, to_number, from_number, call_sid,
                       state, outcome, created_at, ended_at, expires_at)
        SELECT j.business_id, j.run_id, j.id, j.lead_id, 1, 0, l.phone, '+1', 'CA' || j.id, 'ended', 'answered',
            now() - interval '1 h', now() - interval '1 h', now()
        FROM outbound_call_jobs j JOIN leads l ON l.id = j.lead_id WHERE j.status = 'completed';
"""


@pytest.fixture(scope="module")
async def crowded(postgres_server: DatabaseServer) -> AsyncIterator[Campaigns]:
    """A database in which every business has one run behind it and one before it."""
    fresh = await postgres_server.new_database()
    async with campaigns_in(fresh.superuser_url) as made:
        await made.connection.execute(FILL.format(businesses=BUSINESSES, each=JOBS_EACH))
        await made.connection.execute("VACUUM ANALYZE")
        await made.claim()
        yield made
    await postgres_server.drop(fresh)


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from _nodes(child)


async def _explain(connection: asyncpg.Connection, statement: str, *values: Any) -> dict[str, Any]:
    found = await connection.fetchval(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {statement}", *values)
    plan: dict[str, Any] = json.loads(found)[0]["Plan"]
    return plan


async def _no_whole_tables(connection: asyncpg.Connection, statement: str, *values: Any) -> None:
    plan = await _explain(connection, statement, *values)
    scanned = {node["Relation Name"] for node in _nodes(plan) if node["Node Type"] == "Seq Scan"}
    assert not scanned & {"calls", "outbound_call_jobs", "leads"}


CLAIM = "SELECT * FROM ringfence_claim($1::bigint[], $2, $3, $4, '3 s', '15 s', '1 h', NULL)"


async def _some_business(campaigns: Campaigns) -> int:
    return int(await campaigns.connection.fetchval("SELECT min(id) + 500 FROM businesses"))


async def test_a_claim_reads_a_few_pages_for_each_job(crowded: Campaigns) -> None:
    business = await _some_business(crowded)
    pages = await pages_without_trace(crowded.connection, CLAIM, [business], WORKER, crowded.epoch, 3)
    assert pages < 400


async def test_a_claim_costs_the_same_deep_in_a_long_run(crowded: Campaigns) -> None:
    """Without the floor it would walk past every job that was dialled before."""
    business = await crowded.business()
    insert = (
        "INSERT INTO leads (business_id, phone) SELECT $1, '+9724' || (1000000 + n) FROM generate_series(1, 8000) n"
    )
    await crowded.connection.execute(insert, business)
    leads = [row["id"] for row in await crowded.rows("SELECT id FROM leads WHERE business_id = $1", business)]
    run = await crowded.run(business, leads)
    await crowded.connection.execute("ANALYZE")
    first = await pages_without_trace(crowded.connection, CLAIM, [business], WORKER, crowded.epoch, 3)
    await crowded.connection.execute(
        "UPDATE outbound_call_jobs SET status = 'completed', outcome = 'busy', dialed = true WHERE id IN"
        " (SELECT id FROM outbound_call_jobs WHERE run_id = $1 ORDER BY id LIMIT 7500)",
        run,
    )
    await crowded.connection.execute(
        "UPDATE outbound_call_runs SET claim_floor = (SELECT min(id) FROM outbound_call_jobs WHERE run_id = $1"
        " AND status = 'queued') WHERE id = $1",
        run,
    )
    late = await pages_without_trace(crowded.connection, CLAIM, [business], WORKER, crowded.epoch, 3)
    assert late < first * 1.5 + 50


async def test_what_a_run_may_give_is_found_by_the_index_of_queued_jobs(crowded: Campaigns) -> None:
    business = await _some_business(crowded)
    run = await crowded.connection.fetchval(
        "SELECT id FROM outbound_call_runs WHERE business_id = $1 AND ended_at IS NULL", business
    )
    pick = "SELECT * FROM ringfence_open_jobs($1, $2, 0, 1) ORDER BY job_id LIMIT 3"
    plan = await _explain(crowded.connection, pick, business, run)
    assert "jobs_queued" in {node.get("Index Name") for node in _nodes(plan)}
    await _no_whole_tables(crowded.connection, pick, business, run)
    assert await pages_without_trace(crowded.connection, pick, business, run) < 60


async def test_a_beat_reads_no_job_but_the_first_of_each_run(crowded: Campaigns) -> None:
    """50,000 jobs wait; a beat that read them all would take as long as the interval between two."""
    pages = await pages_without_trace(crowded.connection, "SELECT * FROM ringfence_beat($1, $2)", WORKER, crowded.epoch)
    assert pages / BUSINESSES < 40


async def test_whether_a_run_is_over_is_seen_from_a_few_pages(crowded: Campaigns) -> None:
    """It is asked at the end of every call."""
    business = await _some_business(crowded)
    run = await crowded.connection.fetchval("SELECT max(id) FROM outbound_call_runs WHERE business_id = $1", business)
    assert await pages_without_trace(crowded.connection, "SELECT ringfence_finish_run($1)", run) < 60


async def test_a_callbacks_call_is_found_by_its_token(crowded: Campaigns) -> None:
    token = await crowded.connection.fetchval("SELECT dial_token FROM calls LIMIT 1")
    by_token = "SELECT * FROM calls WHERE dial_token = $1"
    plan = await _explain(crowded.connection, by_token, token)
    assert {node.get("Index Name") for node in _nodes(plan)} == {"calls_token_key"}
    assert await pages_without_trace(crowded.connection, by_token, token) < 8


@pytest.mark.parametrize("statement", ["SELECT * FROM ringfence_take_checks(50)",
                                       "SELECT * FROM ringfence_take_hangups(50)",
                                       "SELECT * FROM ringfence_mark_uncertain(50)"])  # fmt: skip
async def test_a_sweep_with_nothing_due_reads_next_to_nothing(crowded: Campaigns, statement: str) -> None:
    """Every reaper asks every second, with all of history in the table."""
    assert await pages_without_trace(crowded.connection, statement) < 60


TOUCHED = """
    SELECT sum(seq_tup_read)::integer AS walked, sum(idx_tup_fetch)::integer AS fetched FROM pg_stat_xact_user_tables
    WHERE relname IN ('calls', 'outbound_call_jobs', 'leads', 'call_events')
"""
RECORD_DIALS = "SELECT * FROM ringfence_record_dials($1, '5 s', '60 s')"
TAKES = {
    "checks": "SELECT * FROM ringfence_take_checks(50, p_grace => '60 s')",
    "hang-ups": "SELECT * FROM ringfence_take_hangups(50)",
}


async def _rows_touched(connection: asyncpg.Connection, statement: str, *values: Any) -> int:
    """How many rows of the large tables a statement fetches by an index; it must walk none of these tables."""
    before = await connection.fetchrow(TOUCHED)
    await connection.fetch(statement, *values)
    after = await connection.fetchrow(TOUCHED)
    assert after["walked"] == before["walked"]
    return int(after["fetched"] - before["fetched"])


@pytest.fixture
async def undone(crowded: Campaigns) -> AsyncIterator[asyncpg.Connection]:
    """The crowded database's connection, in a transaction that is taken back."""
    transaction = crowded.connection.transaction()
    await transaction.start()
    yield crowded.connection
    await transaction.rollback()


async def test_a_claim_touches_a_few_rows_for_each_job(crowded: Campaigns, undone: asyncpg.Connection) -> None:
    business = await _some_business(crowded)
    assert await _rows_touched(undone, CLAIM, [business], WORKER, crowded.epoch, 3) < 3 * 40


async def test_a_claim_for_many_businesses_touches_a_few_rows_for_each(
    crowded: Campaigns, undone: asyncpg.Connection
) -> None:
    businesses = [row["id"] for row in await crowded.rows("SELECT id FROM businesses ORDER BY id LIMIT 100")]
    assert await _rows_touched(undone, CLAIM, businesses, WORKER, crowded.epoch, 100) < 100 * 40


async def test_a_beat_touches_one_job_of_each_run(crowded: Campaigns, undone: asyncpg.Connection) -> None:
    beat = "SELECT * FROM ringfence_beat($1, $2)"
    assert await _rows_touched(undone, beat, WORKER, crowded.epoch) <= 2 * BUSINESSES


async def test_the_record_of_an_answer_touches_a_few_rows(crowded: Campaigns, undone: asyncpg.Connection) -> None:
    call = (await crowded.claim(await _some_business(crowded), limit=1))[0]
    item = {"call_id": call["call_id"], "token": str(call["dial_token"]), "class": "accepted", "call_sid": new_sid()}
    assert await _rows_touched(undone, RECORD_DIALS, json.dumps([item])) < 30


@pytest.mark.parametrize("take", TAKES.values(), ids=TAKES.keys())
async def test_settling_takes_touch_what_is_due_and_nothing_else(
    crowded: Campaigns, undone: asyncpg.Connection, take: str
) -> None:
    """Breaks when a reaper's every second walks calls that are over, or that live and are not due."""
    businesses = [row["id"] for row in await crowded.rows("SELECT id FROM businesses ORDER BY id DESC LIMIT 20")]
    calls = await crowded.claim(*businesses, limit=20)
    await undone.execute(
        "UPDATE calls SET next_check_at = now() - interval '1 s', hangup_at = now() - interval '1 s',"
        " state = 'accepted', call_sid = 'CA' || md5(id::text) WHERE id = ANY ($1)",
        [call["call_id"] for call in calls[:5]],
    )
    assert await _rows_touched(undone, take) < 200
