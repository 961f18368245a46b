"""A server that takes leave of a connection says so first and closes it afterwards; statements may come in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import asyncpg
import pytest
from sqlalchemy import text

from shared.db import Database
from shared.errors import DatabaseAway
from stack.ports import free_port
from tests.acceptance.waiting import eventually

END_OTHERS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
ONE = text("SELECT 1")


class LostEnd:
    """A way to the server that passes its words on and keeps the end of a connection to itself."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        port = free_port()
        self.url = parts._replace(netloc=f"{parts.netloc.rpartition(':')[0]}:{port}").geturl()
        self.ends = 0
        self._server = (parts.hostname, parts.port)
        self._port = port
        self._tasks: list[asyncio.Task[None]] = []
        self._writers: list[asyncio.StreamWriter] = []

    async def open(self) -> None:
        self._listener = await asyncio.start_server(self._accept, "127.0.0.1", self._port)

    async def close(self) -> None:
        self._listener.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for writer in self._writers:
            writer.transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_server, to_server = await asyncio.open_connection(*self._server)
        self._writers += [writer, to_server]
        self._tasks.append(asyncio.create_task(self._pass(reader, to_server, ends=0)))
        self._tasks.append(asyncio.create_task(self._pass(from_server, writer, ends=1)))

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, ends: int) -> None:
        while words := await reader.read(65_536):
            writer.write(words)
        self.ends += ends


@pytest.fixture
async def way(database_url: str) -> AsyncIterator[LostEnd]:
    made = LostEnd(database_url)
    await made.open()
    yield made
    await made.close()


async def end_sessions(database_url: str, way: LostEnd) -> None:
    """Let the server end every connection that goes this way, and wait until it has."""
    before = way.ends
    connection = await asyncpg.connect(database_url)
    await connection.execute(END_OTHERS)
    await connection.close()

    async def ended() -> bool:
        return way.ends > before

    await eventually(ended, "the end of the sessions")
    await asyncio.sleep(0.1)  # the last words are with the driver


async def test_a_session_that_is_ending_counts_as_away_and_the_next_statement_has_another(
    database_url: str, way: LostEnd
) -> None:
    """Else the dispatcher, which renews its lease over it, dies of an error that it does not know."""
    db = Database(way.url, name="test")
    session = db.session(timeout=10)
    assert await session.row("SELECT 1") is not None
    await end_sessions(database_url, way)
    with pytest.raises(DatabaseAway):
        await session.row("SELECT 1")
    assert await session.row("SELECT 1") is not None
    session.drop()
    await db.close()


async def test_a_pooled_connection_that_is_ending_counts_as_away_and_is_replaced(
    database_url: str, way: LostEnd
) -> None:
    db = Database(way.url, name="test", size=1)
    await db.rows(ONE)
    await end_sessions(database_url, way)
    with pytest.raises(DatabaseAway):
        await db.rows(ONE)
    assert len(await db.rows(ONE)) == 1
    await db.close()
