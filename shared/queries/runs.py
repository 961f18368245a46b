"""What the API asks about runs, and what it does to them. Every write is one round trip that commits by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import TextClause, text

from shared.db import Database
from shared.settings import Settings

# One run by id, of one business or (NULL) of any.
ONE = text(
    """
    SELECT d.* FROM ringfence_describe_runs(
        ARRAY(SELECT r.id FROM outbound_call_runs r
              WHERE r.id = :run_id AND (CAST(:business_id AS bigint) IS NULL OR r.business_id = :business_id)),
        CAST(:nudge_after AS interval), CAST(:stale_after AS interval), CAST(:lease AS interval)) d
    """
)

# A page of runs, newest first, of one business or (NULL) of all, in one status or (NULL) in any.
NEWEST = text(
    """
    SELECT d.* FROM ringfence_describe_runs(
        ARRAY(SELECT r.id FROM outbound_call_runs r
              WHERE (CAST(:business_id AS bigint) IS NULL OR r.business_id = :business_id)
                AND (CAST(:status AS text) IS NULL OR r.status = :status)
                AND (CAST(:after AS bigint) IS NULL OR r.id < :after)
              ORDER BY r.id DESC LIMIT :most),
        CAST(:nudge_after AS interval), CAST(:stale_after AS interval), CAST(:lease AS interval)) d
    """
)

# The oldest pending and running runs of a business.
ACTIVE = text(
    """
    SELECT d.* FROM ringfence_describe_runs(
        ARRAY(SELECT r.id FROM outbound_call_runs r
              WHERE r.business_id = :business_id AND r.ended_at IS NULL ORDER BY r.id LIMIT :most),
        CAST(:nudge_after AS interval), CAST(:stale_after AS interval), CAST(:lease AS interval)) d
    ORDER BY d.run_id
    """
)

# Whether a business, or (NULL) anybody, has this run.
EXISTS = text(
    """
    SELECT 1 FROM outbound_call_runs r
    WHERE r.id = :run_id AND (CAST(:business_id AS bigint) IS NULL OR r.business_id = :business_id)
    """
)

# A page of a run's jobs in the order of dialling, each with its calls as JSON.
JOBS = text(
    """
    SELECT j.id AS job_id, j.lead_id, l.phone, j.status, j.outcome, j.attempts, j.error_code,
        coalesce((SELECT jsonb_agg(jsonb_build_object('call_id', c.id, 'call_sid', c.call_sid, 'state', c.state,
                      'created_at', c.created_at, 'accepted_at', c.accepted_at, 'answered_at', c.answered_at,
                      'ended_at', c.ended_at, 'outcome', c.outcome, 'error_code', c.error_code) ORDER BY c.id)
                  FROM calls c WHERE c.job_id = j.id), '[]') AS calls
    FROM outbound_call_jobs j LEFT JOIN leads l ON l.id = j.lead_id
    WHERE j.run_id = :run_id AND (CAST(:business_id AS bigint) IS NULL OR j.business_id = :business_id)
      AND (CAST(:after AS bigint) IS NULL OR j.id > :after)
    ORDER BY j.id LIMIT :most
    """
)

# Makes a run with its jobs, or repeats the answer of the request that did.
START = text(
    """
    SELECT verdict, run_id, CAST(answer AS text) AS answer
    FROM ringfence_start_run(:business_id, CAST(:lead_ids AS bigint[]), CAST(:from_run AS bigint),
        CAST(:run AS jsonb), :created_by, CAST(:key AS text), CAST(:body_hash AS bytea))
    """
)

CANCEL = text("SELECT * FROM ringfence_cancel_run(:business_id, :run_id)")
STOP = text("SELECT *, verdict = 'done' AS ended FROM ringfence_stop_run(:business_id, :run_id)")
FORCE_CANCEL = text(
    "SELECT *, verdict = 'done' AS ended FROM ringfence_force_cancel_run(:business_id, :run_id, :hangup)"
)
RECONCILE = text("SELECT * FROM ringfence_reconcile_runs(:business_id)")
ABANDON = text("SELECT * FROM ringfence_abandon_call(:business_id, :call_id)")

# How many calls of a run may still be dialled: claimed, unanswered, and their deadline not yet past.
UNSENT = text(
    """
    SELECT count(*) AS number FROM calls
    WHERE run_id = :run_id AND ended_at IS NULL AND state = 'dialing' AND deadline > clock_timestamp()
    """
)

# Whose a run is, across businesses.
OWNER = text("SELECT run_owner(:run_id) AS business_id")


@dataclass(frozen=True, slots=True)
class RunFacts:
    """A run with its counts; from `dispatcher_alive` on what it waits on, None for a run that is over."""

    run_id: int
    business_id: int
    name: str | None
    status: str
    total_leads: int
    queued: int
    in_progress: int
    completed: int
    failed: int
    cancelled: int
    cursor_position: int
    cancel_requested: bool
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    last_heartbeat_at: datetime | None
    locked_by_worker: str | None
    created_by_user_id: str | None
    end_reason: str | None
    stale: bool
    blocked_code: str | None
    blocked_since: datetime | None
    retry_at: datetime | None
    dispatcher_alive: bool | None
    has_account: bool | None
    cap: int | None
    live: int | None
    uncertain: int | None
    rate_allows: bool | None
    claimable: bool | None


@dataclass(frozen=True, slots=True)
class JobRow:
    """One lead of a run; `calls` are its attempts as the database's JSON, oldest first."""

    job_id: int
    lead_id: int | None
    phone: str | None
    status: str
    outcome: str | None
    attempts: int
    error_code: str | None
    calls: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Started:
    """What became of a wish to start: `verdict` as in the function, `answer` the body to give."""

    verdict: str
    run_id: int | None
    answer: bytes


@dataclass(frozen=True, slots=True)
class Ending:
    """What became of a wish to end a run: `verdict` is done, over or not_found; `ended` says that it is over now."""

    verdict: str
    status: str | None
    jobs_cancelled: int
    ended: bool
    calls_hung_up: int = 0


@dataclass(frozen=True, slots=True)
class Reconciled:
    """One run that was ended because nothing of it was open."""

    run_id: int
    old_status: str
    new_status: str
    completed_jobs: int
    total_leads: int


@dataclass(frozen=True, slots=True)
class Abandoned:
    """What became of a wish to give a call up: `verdict` is done, refused (see `state`) or not_found."""

    verdict: str
    state: str | None
    run_id: int | None
    job_id: int | None
    call_sid: str | None
    run_ended: str | None


def _times(settings: Settings) -> dict[str, timedelta]:
    return {
        "nudge_after": timedelta(seconds=settings.nudge_after),
        "stale_after": timedelta(seconds=settings.stale_after),
        "lease": timedelta(seconds=settings.lease_seconds),
    }


async def _runs(db: Database, statement: TextClause, business_id: int | None, **values: Any) -> list[RunFacts]:
    async with db.transaction(business_id=business_id) as connection:
        rows = await connection.rows(statement, business_id=business_id, **values)
    return [RunFacts(**row) for row in rows]


async def read_run(db: Database, settings: Settings, business_id: int | None, run_id: int) -> RunFacts | None:
    """Return a run of a business (None: of any), or None."""
    found = await _runs(db, ONE, business_id, run_id=run_id, **_times(settings))
    return found[0] if found else None


async def read_newest(
    db: Database, settings: Settings, business_id: int | None, status: str | None, after: int | None, most: int
) -> list[RunFacts]:
    """Return up to `most` runs below the id `after`, newest first."""
    return await _runs(db, NEWEST, business_id, status=status, after=after, most=most, **_times(settings))


async def read_active(db: Database, settings: Settings, business_id: int, most: int) -> list[RunFacts]:
    """Return up to `most` pending and running runs of a business, oldest first."""
    return await _runs(db, ACTIVE, business_id, most=most, **_times(settings))


async def read_jobs(
    db: Database, business_id: int | None, run_id: int, after: int | None, most: int
) -> list[JobRow] | None:
    """Return up to `most` jobs of a run above the id `after`, None when there is no such run."""
    async with db.transaction(business_id=business_id) as connection:
        if await connection.row(EXISTS, business_id=business_id, run_id=run_id) is None:
            return None
        rows = await connection.rows(JOBS, business_id=business_id, run_id=run_id, after=after, most=most)
    return [JobRow(**row) for row in rows]


async def start_run(
    db: Database,
    business_id: int,
    *,
    lead_ids: Sequence[int] | None,
    from_run: int | None,
    run: dict[str, Any],
    created_by: str,
    key: str | None,
    body_hash: bytes,
) -> Started:
    """Make a run from leads in this order, or from those that an ended run never rang."""
    (row,) = await db.rows(
        START,
        business_id=business_id,
        lead_ids=lead_ids,
        from_run=from_run,
        run=orjson.dumps(run).decode(),
        created_by=created_by,
        key=key,
        body_hash=body_hash,
    )
    return Started(row.verdict, row.run_id, (row.answer or "{}").encode())


async def cancel_run(db: Database, business_id: int, run_id: int) -> Ending:
    """Cancel what is queued, and let the run end with its last live call."""
    (row,) = await db.rows(CANCEL, business_id=business_id, run_id=run_id)
    return Ending(**row)


async def stop_run(db: Database, business_id: int, run_id: int) -> Ending:
    """End a run at once; live calls end by themselves."""
    (row,) = await db.rows(STOP, business_id=business_id, run_id=run_id)
    return Ending(**row)


async def force_cancel_run(db: Database, business_id: int, run_id: int, *, hangup: bool) -> Ending:
    """End a run at once whoever holds it, and with `hangup` ask for its live calls to be ended."""
    (row,) = await db.rows(FORCE_CANCEL, business_id=business_id, run_id=run_id, hangup=hangup)
    return Ending(**row)


async def reconcile_runs(db: Database, business_id: int) -> list[Reconciled] | float:
    """End the runs of a business that have nothing open, or return after how many seconds to ask again."""
    rows = await db.rows(RECONCILE, business_id=business_id)
    if rows and rows[0].retry_after is not None:
        return float(rows[0].retry_after)
    return [Reconciled(row.run_id, row.old_status, row.new_status, row.completed_jobs, row.total_leads) for row in rows]


async def abandon_call(db: Database, business_id: int, call_id: int) -> Abandoned:
    """Give an uncertain call up by hand."""
    (row,) = await db.rows(ABANDON, business_id=business_id, call_id=call_id)
    return Abandoned(**row)


async def count_unsent(db: Database, business_id: int, run_id: int) -> int:
    """Return how many calls of a run may still be dialled."""
    async with db.transaction(business_id=business_id) as connection:
        (row,) = await connection.rows(UNSENT, run_id=run_id)
    return int(row.number)


async def run_owner(db: Database, run_id: int) -> int | None:
    """Return whose a run is, None when there is no such run."""
    (row,) = await db.rows(OWNER, run_id=run_id)
    return None if row.business_id is None else int(row.business_id)
