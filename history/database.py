"""Reads the accused: one snapshot of the tables that a campaign leaves behind, and nothing is written."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import asyncpg

from history.errors import Unreadable
from history.rows import Business, Call, Job, Rows, Run

CONNECT_SECONDS = 30.0

# Whether this user sees every business's rows: row-level security hides rows without a word.
SEES_ALL = """
SELECT NOT row_security_active('calls') OR EXISTS (
    SELECT 1 FROM pg_policies p, unnest(p.roles) r (name)
    WHERE p.tablename = 'calls' AND p.qual = 'true'
      AND (r.name = 'public' OR pg_has_role(r.name, 'USAGE')))
"""

BUSINESSES = "SELECT id, max_concurrent_calls AS cap FROM businesses ORDER BY id"

RUNS = """
SELECT id, business_id, status, total_leads, cursor_position, on_uncertain,
    extract(epoch FROM ended_at)::float8 AS ended_at, end_reason, ring_timeout
FROM outbound_call_runs ORDER BY id
"""

JOBS = """
SELECT id, run_id, lead_id, status, outcome, attempts, dial_lock_token::text AS token, error_code, dialed
FROM outbound_call_jobs ORDER BY id
"""

CALLS = """
SELECT c.id, c.business_id, c.run_id, c.job_id, a.account_sid AS account, c.dial_token::text AS token,
    c.to_number AS "to", l.phone AS lead_phone, c.call_sid AS sid, c.sid_is_guess, c.state, c.outcome, c.error_code,
    c.settled_how, c.duplicate_of,
    extract(epoch FROM c.created_at)::float8 AS created_at,
    extract(epoch FROM c.ended_at)::float8 AS ended_at,
    extract(epoch FROM c.denied_at)::float8 AS denied_at,
    extract(epoch FROM c.surfaced_at)::float8 AS surfaced_at,
    extract(epoch FROM c.hangup_requested_at)::float8 AS hangup_requested_at,
    extract(epoch FROM c.hung_up_at)::float8 AS hung_up_at
FROM calls c
JOIN outbound_call_jobs j ON j.id = c.job_id
JOIN accounts a ON a.id = c.account_id
LEFT JOIN leads l ON l.id = j.lead_id AND l.business_id = c.business_id
ORDER BY c.id
"""

# Runs going on, calls that live, are to be looked at or hung up: what rest is without.
UNDER_WAY = """
SELECT (SELECT count(*) FROM outbound_call_runs WHERE ended_at IS NULL)
    + (SELECT count(*) FROM calls WHERE ended_at IS NULL OR next_check_at IS NOT NULL OR hangup_at IS NOT NULL)
"""

NOW = "SELECT extract(epoch FROM clock_timestamp())::float8"

T = TypeVar("T")


async def read_rows(url: str) -> Rows:
    """Every row in one snapshot. Raises Unreadable, also for a user who would not see them all."""
    async with _connected(url) as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        return await _read(connection)


async def count_under_way(url: str) -> int:
    """How many runs and calls are not at rest. Raises Unreadable."""
    async with _connected(url) as connection:
        return int(await connection.fetchval(UNDER_WAY))


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[asyncpg.Connection]:
    try:
        connection = await asyncpg.connect(url, timeout=CONNECT_SECONDS)
        try:
            yield connection
        finally:
            await connection.close()
    except (OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise Unreadable(f"the database cannot be read: {_one_line(error)}") from error


async def _read(connection: asyncpg.Connection) -> Rows:
    if not await connection.fetchval(SEES_ALL):
        raise Unreadable("the database cannot be read: this user sees only some businesses' rows")

    async def rows(query: str, make: Callable[..., T]) -> list[T]:
        return [make(**row) for row in await connection.fetch(query)]

    return Rows(
        await connection.fetchval(NOW),
        await rows(BUSINESSES, Business),
        await rows(RUNS, Run),
        await rows(JOBS, Job),
        await rows(CALLS, Call),
    )


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
