"""The driver's own pool, and statements with named values on its connections: a round trip each, and little besides.

Rules: a statement is prepared once a connection and stays so; a connection on which anything went wrong but the
statement itself is dropped, never used again. What it raises is the driver's, and translated by whoever owns the pool.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import lru_cache
from io import BytesIO
from typing import Any, Final

import asyncpg
import orjson
from sqlalchemy import TextClause
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg

from shared.errors import DatabaseBusy

TURN_SECONDS: Final = 5.0
"""How long a statement waits for a connection of the pool."""
CLOSE_SECONDS: Final = 5.0
STATEMENTS_KEPT: Final = 500
"""More than there are, so that each is read only once."""
WITHOUT_END: Final = 2**31
_DIALECT: Final = PGDialect_asyncpg()  # type: ignore[no-untyped-call]


IsLost = Callable[[BaseException], bool]


class Row(asyncpg.Record):  # type: ignore[misc]  # the driver ships without types
    """A row whose columns are its attributes as well."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


class Connection:
    """A connection of the pool while somebody has it. Its methods raise the driver's errors."""

    def __init__(self, driver: asyncpg.Connection, is_lost: IsLost) -> None:
        self._driver = driver
        self._is_lost = is_lost
        self._lost = False

    async def rows(self, statement: TextClause, **values: Any) -> Sequence[Row]:
        """Run one statement and return its rows."""
        words, names = _positional(statement)
        with self._dropped_when_lost():
            found: Sequence[Row] = await self._driver.fetch(words, *(values[name] for name in names))
        return found

    async def row(self, statement: TextClause, **values: Any) -> Row | None:
        """Like `rows`, for a statement that gives one row or none."""
        found = await self.rows(statement, **values)
        return found[0] if found else None

    async def copy(self, table: str, columns: Sequence[str], lines: bytes) -> None:
        """Add lines to a table, in the text format of COPY."""
        with self._dropped_when_lost():
            await self._driver.copy_to_table(table, source=BytesIO(lines), columns=columns, format="text")

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """A transaction around what is run within, undone when an error leaves it."""
        with self._dropped_when_lost():
            transaction = self._driver.transaction()
            await transaction.start()
        try:
            yield
        except BaseException:
            if not self._lost:
                with self._dropped_when_lost():
                    await transaction.rollback()
            raise
        with self._dropped_when_lost():
            await transaction.commit()

    @contextmanager
    def _dropped_when_lost(self) -> Iterator[None]:
        try:
            yield
        except BaseException as error:
            if self._is_lost(error):
                self._lost = True
                self._driver.terminate()
            raise


class Pool:
    """Up to `size` connections, each opened when it is first needed. `is_lost` tells errors after which one is lost."""

    def __init__(self, url: str, options: Mapping[str, Any], *, size: int, is_lost: IsLost) -> None:
        self._url = url
        self._options = options
        self._size = size
        self._is_lost = is_lost
        self._free = asyncio.Semaphore(size)
        self._opening = asyncio.Lock()
        self._pool: asyncpg.Pool | None = None

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection that is nobody else's meanwhile. Raises DatabaseBusy when none came free in time."""
        await self._turn()
        try:
            pool = self._pool or await self._open()
            driver = await pool.acquire()
            try:
                yield Connection(driver, self._is_lost)
            finally:
                await pool.release(driver)
        finally:
            self._free.release()

    async def close(self) -> None:
        """Close every connection; those whose statements do not come to an end in time, hard."""
        pool, self._pool = self._pool, None
        if pool is None:
            return
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await pool.close()
        except TimeoutError:
            pool.terminate()

    async def _turn(self) -> None:
        try:
            async with asyncio.timeout(TURN_SECONDS):
                await self._free.acquire()
        except TimeoutError:
            raise DatabaseBusy("no connection to the database was free in time") from None

    async def _open(self) -> asyncpg.Pool:
        async with self._opening:
            if self._pool is None:
                self._pool = await asyncpg.create_pool(
                    self._url,
                    min_size=0,
                    max_size=self._size,
                    max_queries=WITHOUT_END,
                    max_inactive_connection_lifetime=0,
                    max_cached_statement_lifetime=0,
                    record_class=Row,
                    init=_read_json,
                    reset=_leave_as_it_is,
                    **self._options,
                )
        return self._pool


@lru_cache(maxsize=STATEMENTS_KEPT)
def _positional(statement: TextClause) -> tuple[str, tuple[str, ...]]:
    """The statement as the driver takes it, and the names of its values in their order."""
    compiled = statement.compile(dialect=_DIALECT)
    return str(compiled), tuple(compiled.positiontup or ())


async def _read_json(connection: asyncpg.Connection) -> None:
    for kind in ("json", "jsonb"):
        await connection.set_type_codec(kind, encoder=_as_given, decoder=orjson.loads, schema="pg_catalog")


def _as_given(document: str) -> str:
    return document


async def _leave_as_it_is(_connection: asyncpg.Connection) -> None:
    """Nothing outlives a transaction here, so there is nothing to reset, and a round trip less."""
