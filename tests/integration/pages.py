"""What a statement reads of our tables, in pages: the measure that no clock and no other database moves."""

from __future__ import annotations

from typing import Any

import asyncpg

FETCHED = """
    SELECT sum(pg_stat_get_xact_blocks_fetched(oid)) FROM pg_class
    WHERE relkind IN ('r', 'i') AND relnamespace = 'public'::regnamespace
"""


async def pages_fetched(connection: asyncpg.Connection, statement: str, *values: Any) -> int:
    """How many pages of our tables and their indexes a statement fetches, functions that it calls included.

    The catalog's pages do not count: they are read again whenever the server forgets what it knew, which another
    database's changes can bring about. The counts are this connection's own; the caller holds a transaction, since
    between two transactions they may be handed over to the server's.
    """
    assert connection.is_in_transaction()
    before = await connection.fetchval(FETCHED)
    await connection.fetch(statement, *values)
    return int(await connection.fetchval(FETCHED) - before)


async def pages_without_trace(connection: asyncpg.Connection, statement: str, *values: Any) -> int:
    """The same once its plans are made; what the statement changes is taken back."""
    fetched = 0
    for _ in range(2):
        undone = connection.transaction()
        await undone.start()
        try:
            fetched = await pages_fetched(connection, statement, *values)
        finally:
            await undone.rollback()
    return fetched
