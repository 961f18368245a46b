"""The pools, and what a lost or busy database looks like to the rest of the program.

Rules: a statement outside `transaction` commits by itself in one round trip, so a frozen process never holds a lock.
Limits are set on the connection and time is the database's. Foreign errors are translated here, where they enter.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Any

import asyncpg
from sqlalchemy import TextClause, text

from shared.errors import DatabaseAway, DatabaseBusy, DatabaseConflict
from shared.pool import Connection, Pool, Row

LIMITS: Mapping[str, str] = {
    "lock_timeout": "1s",
    "statement_timeout": "5s",
    "idle_in_transaction_session_timeout": "3s",
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    "synchronous_commit": "on",
    "timezone": "UTC",
    "jit": "off",
}
CONNECT_SECONDS = 5.0
COMMAND_SECONDS = 15.0
"""How long an answer is awaited at most: a connection that went dark without a word is given up."""

BULK_SECONDS = 120
"""Statement limit of requests that write up to 100,000 rows or stream a file."""
BULK_LIMITS: Mapping[str, str] = {
    "statement_timeout": f"{BULK_SECONDS}s",
    "lock_timeout": f"{BULK_SECONDS}s",
    "idle_in_transaction_session_timeout": "30s",
}

# What went away, or was never there: InternalClientError is what the driver meets when a server has taken leave of a
# connection and not closed it yet.
_GONE = (TimeoutError, OSError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError, asyncpg.InternalClientError)
_BUSY = {"55P03", "57014", "40P01", "40001", "25P03"}  # lock, statement timeout, deadlock, serialization, idle
_AWAY_CLASSES = ("08", "57P", "53")  # connection, operator intervention, out of resources
_REFUSED_CLASSES = (*_AWAY_CLASSES, "28", "3D")  # also: not authorised, no such database


def _constraint(error: asyncpg.IntegrityConstraintViolationError) -> str:
    """The name of the constraint that refused; for a trigger its message, which names ids only."""
    return error.constraint_name or str(error.message or type(error).__name__)


@contextmanager
def translated() -> Iterator[None]:
    """Turn the driver's errors into ours."""
    try:
        yield
    except _GONE as error:
        raise DatabaseAway(f"the database cannot be reached ({type(error).__name__})") from error
    except asyncpg.IntegrityConstraintViolationError as error:
        raise DatabaseConflict(_constraint(error)) from error
    except asyncpg.PostgresError as error:
        if error.sqlstate in _BUSY:
            raise DatabaseBusy(f"the database was busy ({error.sqlstate})") from error
        if error.sqlstate.startswith(_REFUSED_CLASSES):
            raise DatabaseAway(f"the database went away or refuses connections ({error.sqlstate})") from error
        raise


def _is_lost(error: BaseException) -> bool:
    """Whether the connection that a statement ran on is of no more use after this error.

    It is after anything but the server's own word, and after a word that it is about to end.
    """
    return not isinstance(error, asyncpg.PostgresError) or error.sqlstate.startswith(_AWAY_CLASSES)


Connect = Callable[[], Awaitable[asyncpg.Connection]]


def connection_options(
    *, name: str, role: str | None = None, bulk: bool = False, patient: bool = False
) -> dict[str, Any]:
    """How a connection is made, under which role and limits. A `patient` one awaits each answer without end."""
    settings = {**LIMITS, **(BULK_LIMITS if bulk else {}), "application_name": name}
    if role:
        settings["role"] = role
    patience = None if patient else BULK_SECONDS + 5.0 if bulk else COMMAND_SECONDS
    return {"timeout": CONNECT_SECONDS, "command_timeout": patience, "server_settings": settings}


class Session:
    """One connection of its own, opened when it is needed and dropped without a word when anything goes wrong.

    Who asks while somebody's statement runs waits for his turn. The server sees the connection end with the process,
    which is what the lease is bound to.
    """

    def __init__(self, connect: Connect, timeout: float) -> None:
        self._connect = connect
        self._timeout = timeout
        self._connection: asyncpg.Connection | None = None
        self._turn = asyncio.Lock()

    async def row(self, statement: str, *values: Any) -> asyncpg.Record | None:
        """Run one statement that commits by itself and return its first row. Raises DatabaseAway or DatabaseBusy."""
        with translated():
            async with asyncio.timeout(self._timeout), self._turn:
                return await self._ask(statement, values)

    async def _ask(self, statement: str, values: Sequence[Any]) -> asyncpg.Record | None:
        try:
            if self._connection is None or self._connection.is_closed():
                self._connection = await self._connect()
            return await self._connection.fetchrow(statement, *values)
        except BaseException:
            self.drop()
            raise

    def drop(self) -> None:
        """Abort the connection; the next statement opens another."""
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None


class Database:
    """One pool of connections to the database, under one role. A `bulk` pool waits longer for each statement."""

    def __init__(self, url: str, *, name: str, role: str | None = None, size: int = 5, bulk: bool = False) -> None:
        self._url, self._name, self._role = url, name, role
        self._pool = Pool(url, connection_options(name=name, role=role, bulk=bulk), size=size, is_lost=_is_lost)

    async def rows(self, statement: TextClause, **values: Any) -> Sequence[Row]:
        """Run one statement that commits by itself, and return its rows. Raises DatabaseAway, -Busy or -Conflict."""
        with translated():
            async with self._pool.connection() as connection:
                return await connection.rows(statement, **values)

    async def row(self, statement: TextClause, **values: Any) -> Row | None:
        """Like `rows`, for a statement that gives one row or none."""
        found = await self.rows(statement, **values)
        return found[0] if found else None

    @asynccontextmanager
    async def transaction(self, *, business_id: int | None = None) -> AsyncIterator[Connection]:
        """A transaction of several statements, seeing only `business_id` under the API's role.

        For reads, and for bulk writes of rows that nobody else can hold yet: it spans round trips.
        """
        with translated():
            async with self._pool.connection() as connection, connection.transaction():
                if business_id is not None:
                    await connection.rows(_SET_BUSINESS, business_id=str(business_id))
                yield connection

    def session(self, timeout: float, name: str = "session") -> Session:
        """A connection apart from the pool, whose statements each take `timeout` seconds at most.

        The server shows it as `name`, after the pool's own.
        """
        options = connection_options(name=f"{self._name}-{name}", role=self._role)
        return Session(partial(asyncpg.connect, self._url, **options), timeout)

    async def ping(self) -> None:
        """Raise DatabaseAway unless the database answers."""
        await self.rows(_PING)

    async def wait(self, stop: asyncio.Event, *, pause: float = 0.5) -> bool:
        """Wait until the database answers. False when `stop` was set first."""
        while not stop.is_set():
            try:
                await self.ping()
            except (DatabaseAway, DatabaseBusy):
                try:
                    await asyncio.wait_for(stop.wait(), pause)
                except TimeoutError:
                    continue
            else:
                return True
        return False

    async def close(self) -> None:
        """Close every connection."""
        await self._pool.close()


_PING = text("SELECT 1")
_SET_BUSINESS = text("SELECT set_config('ringfence.business_id', :business_id, true)")
