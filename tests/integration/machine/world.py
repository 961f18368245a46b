"""The database that the machine drives: a loop of its own, the services' statements, and time that passes in SQL."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any, TypeVar

import asyncpg

from shared.db import Database, Session
from tests.integration.machine.nouns import UNIT

T = TypeVar("T")

CLEAR = """
    DELETE FROM call_events; DELETE FROM calls; DELETE FROM outbound_call_jobs; DELETE FROM outbound_call_runs;
    DELETE FROM leads; DELETE FROM businesses; DELETE FROM accounts;
    UPDATE dispatcher_lease SET holder = NULL, backend_pid = NULL, backend_start = NULL, renewed_at = NULL;
"""
SHIFTED = """
    SELECT table_name, string_agg(format('%1$I = %1$I - $1::interval', column_name), ', ') AS steps
    FROM information_schema.columns
    WHERE table_schema = 'public' AND data_type = 'timestamp with time zone' AND column_name <> 'backend_start'
      AND table_name IN ('accounts', 'businesses', 'outbound_call_runs', 'outbound_call_jobs', 'calls',
                         'dispatcher_lease')
    GROUP BY table_name ORDER BY table_name
"""
GONE = "SELECT 1 FROM pg_stat_activity, pg_sleep(0.002) WHERE pid = $1"
SNAPSHOT = """
    SELECT json_build_object(
        'runs', (SELECT coalesce(json_agg(to_jsonb(r) || jsonb_build_object('nudged', r.nudged_at IS NOT NULL)), '[]')
                 FROM outbound_call_runs r),
        'jobs', (SELECT coalesce(json_agg(to_jsonb(j)), '[]') FROM outbound_call_jobs j),
        'calls', (SELECT coalesce(json_agg(to_jsonb(c) || jsonb_build_object(
                      'denied', c.denied_at IS NOT NULL, 'surfaced', c.surfaced_at IS NOT NULL,
                      'watched', c.next_check_at IS NOT NULL, 'hangup_requested', c.hangup_requested_at IS NOT NULL,
                      'wants_hangup', c.hangup_at IS NOT NULL, 'hung_up', c.hung_up_at IS NOT NULL,
                      'look_after_life', c.next_check_at > greatest(c.expires_at, now()) + interval '1 h')), '[]')
                  FROM calls c),
        'accounts', (SELECT coalesce(json_agg(to_jsonb(a)), '[]') FROM accounts a),
        'lease', (SELECT to_jsonb(l) FROM dispatcher_lease l WHERE partition = 0))
"""


def seconds(units: float) -> float:
    """So many units in seconds, as the statements want them."""
    return units * UNIT


def span(units: float) -> timedelta:
    return timedelta(seconds=units * UNIT)


class World:
    """One database for all examples. It is emptied between them, which is faster than making another."""

    def __init__(self, url: str) -> None:
        self.loop = asyncio.new_event_loop()
        self.db = Database(url, name="machine", size=1)
        self.connection: asyncpg.Connection = self.run(asyncpg.connect(url))
        self.shifts = [
            f"UPDATE {row['table_name']} SET {row['steps']}" for row in self.run(self.connection.fetch(SHIFTED))
        ]
        self.reached: Counter[str] = Counter()
        self.examples = self.steps = self.creates = self.drained = 0

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for one round trip."""
        return self.loop.run_until_complete(work)

    def session(self) -> Session:
        """A connection to bind a lease to."""
        return self.db.session(5.0)

    def clear(self) -> int:
        """Empty the database; the epoch that the lease has reached."""
        self.run(self.connection.execute(CLEAR))
        return int(self.run(self.connection.fetchval("SELECT epoch FROM dispatcher_lease WHERE partition = 0")))

    def fetch(self, query: str, *values: Any) -> list[asyncpg.Record]:
        return list(self.run(self.connection.fetch(query, *values)))

    def value(self, query: str, *values: Any) -> Any:
        return self.run(self.connection.fetchval(query, *values))

    def let_pass(self, units: int) -> None:
        """Move every time in the database into the past."""

        async def shift() -> None:
            async with self.connection.transaction():
                for statement in self.shifts:
                    await self.connection.execute(statement, span(units))

        self.run(shift())

    def snapshot(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.value(SNAPSHOT))
        return found

    def wait_until_gone(self, backend: int) -> None:
        """Wait until the server has noticed that a connection ended."""

        async def gone() -> None:
            async with asyncio.timeout(30):
                while await self.connection.fetchval(GONE, backend):
                    continue

        self.run(gone())

    def close(self) -> None:
        self.run(self.connection.close())
        self.run(self.db.close())
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()
