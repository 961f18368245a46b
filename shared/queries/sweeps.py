"""What the reaper's sweeps over runs and old rows ask of the database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text

from shared.db import Database

# Notes which runs have been quiet for too long, each at most once per `nudge_after` whoever asks.
NUDGE = text("""
    SELECT run_id, business_id, last_heartbeat_at AS quiet_since, worker
    FROM ringfence_nudge(CAST(:nudge_after AS interval))
""")

# Closes queued jobs of runs that are over, and ends active runs that have no open job.
CLOSE_LEFTOVERS = text("SELECT run_id, business_id, status, jobs_closed FROM ringfence_close_leftovers(:limit)")

# Callbacks older than they are kept, the oldest ids first.
DELETE_OLD_EVENTS = text("""
    WITH old AS MATERIALIZED (
        SELECT id, received_at FROM call_events ORDER BY id LIMIT :limit FOR UPDATE SKIP LOCKED
    ), gone AS (
        DELETE FROM call_events e USING old
        WHERE e.id = old.id AND old.received_at < clock_timestamp() - CAST(:older AS interval)
        RETURNING 1
    )
    SELECT count(*) AS gone FROM gone
""")

# Idempotency keys whose time is over.
DELETE_OLD_KEYS = text("""
    WITH old AS MATERIALIZED (
        SELECT business_id, key FROM idempotency_keys
        WHERE created_at < statement_timestamp() - CAST(:older AS interval)
        ORDER BY created_at LIMIT :limit FOR UPDATE SKIP LOCKED
    ), gone AS (
        DELETE FROM idempotency_keys k USING old WHERE k.business_id = old.business_id AND k.key = old.key RETURNING 1
    )
    SELECT count(*) AS gone FROM gone
""")


@dataclass(frozen=True, slots=True)
class QuietRun:
    """A run that was nudged, and the worker that was last seen with it."""

    run_id: int
    business_id: int
    quiet_since: datetime
    worker: str | None


@dataclass(frozen=True, slots=True)
class MendedRun:
    """A run that was ended, or was over and had this many queued jobs closed."""

    run_id: int
    business_id: int
    status: str
    jobs_closed: int

    @property
    def ended(self) -> bool:
        """Whether the run itself was ended now."""
        return self.jobs_closed == 0


async def nudge(db: Database, nudge_after: timedelta) -> list[QuietRun]:
    """Note and return the runs that are quiet and were not nudged for this long."""
    return [QuietRun(**row) for row in await db.rows(NUDGE, nudge_after=nudge_after)]


async def close_leftovers(db: Database, limit: int) -> list[MendedRun]:
    """Mend at most so many runs, and return those that needed it."""
    return [MendedRun(**row) for row in await db.rows(CLOSE_LEFTOVERS, limit=limit)]


async def delete_old_events(db: Database, older: timedelta, limit: int) -> int:
    """Delete at most so many callbacks that are older, and return how many there were."""
    (row,) = await db.rows(DELETE_OLD_EVENTS, older=older, limit=limit)
    return int(row.gone)


async def delete_old_keys(db: Database, older: timedelta, limit: int) -> int:
    """Delete at most so many idempotency keys that are older, and return how many there were."""
    (row,) = await db.rows(DELETE_OLD_KEYS, older=older, limit=limit)
    return int(row.gone)
