"""What a campaign changes in the database by hand, because waiting for it would take an hour."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

HOUR_AGO = "now() - interval '1 hour'"


@asynccontextmanager
async def _connected(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database_url)
    try:
        yield connection
    finally:
        await connection.close()


class Hand:
    """A hand in the database."""

    def __init__(self, database_url: str) -> None:
        self._url = database_url

    async def distrust(self) -> None:
        """What the holder of the lease meets is not the database that it knew."""
        await self._execute("UPDATE dispatcher_lease SET identity = 'another/00000001'")

    async def is_doubted(self) -> bool:
        """Whether the holder of the lease knows that this is another database."""
        return not await self._fetch("SELECT database_trusted FROM dispatcher_lease")

    async def holder(self) -> str:
        """The worker that holds the lease."""
        return str(await self._fetch("SELECT holder FROM dispatcher_lease"))

    async def empty(self, run_id: int) -> None:
        """A run that nothing will ever end."""
        await self._execute("UPDATE outbound_call_jobs SET status = 'cancelled' WHERE run_id = $1", run_id)

    async def forget(self, run_id: int) -> None:
        """A run that looks running, and was not beaten for an hour in spite of a nudge."""
        await self._execute(
            f"UPDATE outbound_call_runs SET status = 'running', started_at = {HOUR_AGO},"
            f" last_heartbeat_at = {HOUR_AGO}, nudged_at = {HOUR_AGO} WHERE id = $1",
            run_id,
        )

    async def is_nudged(self, run_id: int) -> bool:
        return bool(await self._fetch("SELECT nudged_at FROM outbound_call_runs WHERE id = $1", run_id))

    async def outlive(self, run_id: int) -> None:
        """Uncertain calls of a run whose longest life is over now."""
        await self._execute(
            "UPDATE calls SET expires_at = clock_timestamp(), next_check_at = clock_timestamp()"
            " WHERE run_id = $1 AND state = 'uncertain'",
            run_id,
        )

    @asynccontextmanager
    async def calls_locked(self) -> AsyncIterator[None]:
        """Nobody reads or writes a call."""
        async with _connected(self._url) as connection, connection.transaction():
            await connection.execute("LOCK TABLE calls IN ACCESS EXCLUSIVE MODE")
            yield

    async def is_disowning(self) -> bool:
        """Whether a claim failed for a lock, and whoever made it waits for one to hand it back."""
        statement = (
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND wait_event_type = 'Lock' AND query LIKE '%ringfence_disown%'"
        )
        return bool(await self._fetch(statement))

    async def _fetch(self, statement: str, *values: Any) -> Any:
        async with _connected(self._url) as connection:
            return await connection.fetchval(statement, *values)

    async def _execute(self, statement: str, *values: Any) -> None:
        async with _connected(self._url) as connection:
            await connection.execute(statement, *values)
