"""One statement that commits by itself: what becomes of its connection, and what its errors are called."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import asyncpg
import pytest
from sqlalchemy import text

from shared import pool
from shared.db import Database
from shared.errors import DatabaseAway, DatabaseBusy, DatabaseConflict
from shared.pool import Connection
from tests.acceptance.waiting import eventually

PID = text("SELECT pg_backend_pid() AS pid")
SLOW = text("SELECT pg_sleep(600)")
OUT_OF_TIME = text("DO $$ BEGIN RAISE query_canceled; END $$")
UNDER_WAY = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'statements' AND state = 'active'"


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url, name="statements", size=1)
    yield database
    await database.close()


@pytest.fixture
async def watcher(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection beside the pool's."""
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


async def pid_of(db: Database) -> int:
    (row,) = await db.rows(PID)
    return int(row.pid)


async def slow_one(db: Database, connection: asyncpg.Connection) -> asyncio.Task[object]:
    """A statement that does not end, once the server has it."""
    task: asyncio.Task[object] = asyncio.create_task(db.rows(SLOW))

    async def begun() -> bool:
        return bool(await connection.fetchval(UNDER_WAY))

    await eventually(begun, "the slow statement")
    return task


async def test_a_row_has_its_columns_as_attributes_and_json_as_what_it_says(db: Database) -> None:
    statement = text("SELECT CAST(:document AS jsonb) AS document, :word || :word AS twice")
    (row,) = await db.rows(statement, document='{"a": [1, null]}', word="x")
    assert (row.document, row.twice, dict(row)) == (
        {"a": [1, None]},
        "xx",
        {"document": {"a": [1, None]}, "twice": "xx"},
    )
    with pytest.raises(AttributeError, match="nothing"):
        _ = row.nothing


async def test_a_statement_that_commits_by_itself_is_there_for_everybody(
    db: Database, watcher: asyncpg.Connection
) -> None:
    await db.rows(text("CREATE TABLE seen (n integer)"))
    assert await db.rows(text("INSERT INTO seen VALUES (1)")) == []
    assert await watcher.fetchval("SELECT n FROM seen") == 1


async def test_a_refusal_of_the_server_costs_no_connection(db: Database) -> None:
    before = await pid_of(db)
    await db.rows(text("CREATE TABLE singles (n integer CONSTRAINT each_once UNIQUE)"))
    with pytest.raises(DatabaseConflict, match="each_once"):
        await db.rows(text("INSERT INTO singles SELECT 1 FROM generate_series(1, 2)"))
    with pytest.raises(DatabaseBusy, match="57014"):
        await db.rows(OUT_OF_TIME)
    assert await pid_of(db) == before


async def test_a_value_of_the_wrong_kind_is_our_fault_and_not_an_outage(db: Database) -> None:
    before = await pid_of(db)
    with pytest.raises(asyncpg.DataError):
        await db.rows(text("SELECT CAST(:n AS bigint)"), n="many")
    assert await pid_of(db) == before


async def test_a_statement_that_is_given_up_takes_its_connection_along(
    db: Database, watcher: asyncpg.Connection
) -> None:
    before = await pid_of(db)
    task = await slow_one(db, watcher)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await pid_of(db) != before


async def test_who_gets_no_turn_hears_that_the_database_is_busy(
    db: Database, watcher: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = await slow_one(db, watcher)
    monkeypatch.setattr(pool, "TURN_SECONDS", 0.01)
    with pytest.raises(DatabaseBusy, match="no connection"):
        await db.rows(PID)
    monkeypatch.undo()
    task.cancel()
    assert await pid_of(db)


async def test_closing_does_not_wait_for_a_statement_without_end(
    db: Database, watcher: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = await slow_one(db, watcher)
    monkeypatch.setattr(pool, "CLOSE_SECONDS", 0.01)
    await db.close()
    with pytest.raises(DatabaseAway):
        await task


async def test_what_fails_within_a_transaction_undoes_it_and_keeps_the_connection(db: Database) -> None:
    before = await pid_of(db)
    await db.rows(text("CREATE TABLE undone (n integer)"))

    async def failing(number: int, what: Callable[[Connection], Awaitable[object]]) -> None:
        async with db.transaction() as connection:
            await connection.rows(text("INSERT INTO undone VALUES (:n)"), n=number)
            await what(connection)

    async def mistaken(_: Connection) -> None:
        raise RuntimeError("our own")

    with pytest.raises(RuntimeError, match="our own"):
        await failing(1, mistaken)
    with pytest.raises(DatabaseBusy):
        await failing(2, lambda connection: connection.rows(OUT_OF_TIME))
    async with db.transaction() as connection:
        await connection.rows(text("INSERT INTO undone VALUES (3)"))
    assert [row.n for row in await db.rows(text("SELECT n FROM undone"))] == [3]
    assert await pid_of(db) == before


async def test_a_transaction_that_is_given_up_in_a_statement_is_undone_with_its_connection(db: Database) -> None:
    begun = asyncio.Event()

    async def written() -> None:
        async with db.transaction() as own:
            await own.rows(text("INSERT INTO given_up VALUES (1)"))
            begun.set()
            await own.rows(SLOW)

    await db.rows(text("CREATE TABLE given_up (n integer)"))
    before = await pid_of(db)
    task = asyncio.create_task(written())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await pid_of(db) != before
    assert await db.rows(text("SELECT n FROM given_up")) == []
