"""What the gauges that describe the database show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import text

from shared.db import Database

# The live calls; reads the partial index of live rows alone.
LIVE_CALLS = text(
    """
    SELECT count(*) AS live,
        count(*) FILTER (WHERE state = 'uncertain') AS uncertain,
        coalesce(extract(epoch FROM clock_timestamp() - min(created_at)), 0)::float8 AS oldest,
        coalesce(extract(epoch FROM clock_timestamp() - min(created_at) FILTER (WHERE state = 'uncertain')), 0)::float8
            AS oldest_uncertain
    FROM calls WHERE ended_at IS NULL
    """
)

# The active runs and what is wrong with them: `stale` has had no beat for STALE_AFTER; `locked_no_heartbeat` has an
# owner that never beat; `no_progress` could dial (a job that a claim may take, a slot, a rate, an account that is not
# blocked) and has not for STALE_AFTER.
ACTIVE_RUNS = text(
    """
    WITH active AS MATERIALIZED (
        SELECT *, coalesce(last_heartbeat_at, lock_ts, updated_at) AS heard_at
        FROM outbound_call_runs WHERE ended_at IS NULL
    ), free AS MATERIALIZED (
        SELECT b.id, b.max_concurrent_calls AS cap, b.last_claim_at, a.id AS account_id,
            b.next_dial_at <= clock_timestamp() AND a.next_dial_at <= clock_timestamp() AND a.blocked_code IS NULL
            AND (SELECT count(*) FROM calls c WHERE c.business_id = b.id AND c.ended_at IS NULL)
                < b.max_concurrent_calls AS can_dial
        FROM businesses b
        LEFT JOIN accounts a ON a.id = coalesce(b.account_id, (SELECT s.id FROM accounts s WHERE s.is_shared))
        WHERE b.id IN (SELECT business_id FROM active)
    )
    SELECT count(*) FILTER (WHERE r.status = 'pending') AS pending,
        count(*) FILTER (WHERE r.status = 'running') AS running,
        (SELECT coalesce(sum(cap), 0) FROM free) AS slots,
        coalesce(extract(epoch FROM clock_timestamp() - min(r.heard_at) FILTER (WHERE r.status = 'running')),
            0)::float8 AS heartbeat_age,
        count(*) FILTER (WHERE r.status = 'running'
            AND r.heard_at < clock_timestamp() - CAST(:stale_after AS interval)) AS stale,
        count(*) FILTER (WHERE r.locked_by_worker IS NOT NULL AND r.last_heartbeat_at IS NULL) AS locked_no_heartbeat,
        count(*) FILTER (WHERE NOT r.cancel_requested AND f.can_dial
            AND greatest(f.last_claim_at, r.created_at) < clock_timestamp() - CAST(:stale_after AS interval)
            AND (SELECT j.job_id FROM ringfence_open_jobs(r.business_id, r.id, r.claim_floor, f.account_id) j
                 ORDER BY j.job_id LIMIT 1) IS NOT NULL)
            AS no_progress
    FROM active r LEFT JOIN free f ON f.id = r.business_id
    """
)

# Jobs that wait; reads the partial index of queued jobs alone.
QUEUED = text("SELECT count(*) AS queued FROM outbound_call_jobs WHERE status = 'queued'")

# Runs that are over, by status; the one statement here that grows with history.
ENDED_RUNS = text(
    "SELECT status, count(*) AS number FROM outbound_call_runs WHERE ended_at IS NOT NULL GROUP BY status"
)


@dataclass(frozen=True, slots=True)
class LiveCalls:
    """How many calls hold a slot, and how old the oldest are, in seconds."""

    live: int
    uncertain: int
    oldest: float
    oldest_uncertain: float


@dataclass(frozen=True, slots=True)
class ActiveRuns:
    """The runs that are not over. `heartbeat_age` is in seconds."""

    pending: int
    running: int
    slots: int
    heartbeat_age: float
    stale: int
    locked_no_heartbeat: int
    no_progress: int


async def read_live_calls(db: Database) -> LiveCalls:
    """Return the figures of the live calls."""
    (row,) = await db.rows(LIVE_CALLS)
    return LiveCalls(**row)


async def read_active_runs(db: Database, stale_after: timedelta) -> ActiveRuns:
    """Return the figures of the active runs."""
    (row,) = await db.rows(ACTIVE_RUNS, stale_after=stale_after)
    return ActiveRuns(**row)


async def read_queued(db: Database) -> int:
    """Return how many jobs wait."""
    (row,) = await db.rows(QUEUED)
    return int(row.queued)


async def read_ended_runs(db: Database) -> Mapping[str, int]:
    """Return how many runs are over, by status."""
    return {row.status: row.number for row in await db.rows(ENDED_RUNS)}
