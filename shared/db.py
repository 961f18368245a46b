"""The pools, and what a lost or busy database looks like to the rest of the program.

Rules: a statement outside `transaction` commits by itself in one round trip, so a frozen process never holds a lock.
Limits are set on the connection and time is the database's. Foreign errors are translated here, where they enter.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import asyncpg
from sqlalchemy import TextClause, event, exc, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from shared.errors import DatabaseAway, DatabaseBusy, DatabaseConflict
from shared.pool import Row, StatementPool

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

_BUSY = {"55P03", "57014", "40P01", "40001", "25P03"}  # lock, statement timeout, deadlock, serialization, idle
_AWAY_CLASSES = ("08", "57P", "53")  # connection, operator intervention, out of resources

_GONE = (TimeoutError, OSError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError, asyncpg.InternalClientError)

_REFUSED_CLASSES = (*_AWAY_CLASSES, "28", "3D")  # also: not authorised, no such database


def _translate(error: exc.DBAPIError) -> Exception:
    state = getattr(error.orig, "sqlstate", None) or getattr(error.orig, "pgcode", None) or ""
    if state in _BUSY:
        return DatabaseBusy(f"the database was busy ({state})")
    gone = error.connection_invalidated or isinstance(error, exc.InterfaceError) or _is_ending(error.orig)
    if gone or state.startswith(_AWAY_CLASSES):
        return DatabaseAway(f"the database went away ({state or type(error.orig).__name__})")
    return error


def _is_ending(error: BaseException | None) -> bool:
    """Whether the driver met a connection that the server has taken leave of, but not closed yet.

    After such a word the driver takes no statement, and until the end arrives it does not call the connection closed.
    """
    return isinstance(error, asyncpg.InternalClientError) or isinstance(
        getattr(error, "__cause__", None), asyncpg.InternalClientError
    )


def _constraint(cause: Any) -> str:
    """The name of the constraint that refused; for a trigger its message, which names ids only."""
    return getattr(cause, "constraint_name", None) or str(getattr(cause, "message", None) or type(cause).__name__)


@contextmanager
def translated() -> Iterator[None]:
    """Turn the driver's errors into ours, whether SQLAlchemy has wrapped them or not."""
    try:
        yield
    except exc.IntegrityError as error:
        raise DatabaseConflict(_constraint(getattr(error.orig, "__cause__", None))) from error
    except exc.DBAPIError as error:
        translation = _translate(error)
        if translation is error:
            raise
        raise translation from error
    except exc.TimeoutError as error:
        raise DatabaseBusy("no connection to the database was free in time") from error
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


def _options(*, name: str, role: str | None = None, bulk: bool = False, patient: bool = False) -> dict[str, Any]:
    """How a connection is made, under which role and limits. A `patient` one awaits each answer without end."""
    settings = {**LIMITS, **(BULK_LIMITS if bulk else {}), "application_name": name}
    if role:
        settings["role"] = role
    patience = None if patient else BULK_SECONDS + 5.0 if bulk else COMMAND_SECONDS
    return {"timeout": CONNECT_SECONDS, "command_timeout": patience, "server_settings": settings}


def _connector(url: str, options: Mapping[str, Any]) -> Connect:
    async def connect() -> asyncpg.Connection:
        return await asyncpg.connect(url, **options)

    return connect


def make_engine(
    url: str, *, name: str, role: str | None = None, size: int = 0, bulk: bool = False, patient: bool = False
) -> AsyncEngine:
    """An engine whose connections log in with `role` set, under our limits. `size` 0 keeps no connection open.

    A `patient` one awaits each answer for as long as it takes: rewriting a large table may take minutes.
    """
    pool: dict[str, Any] = {"poolclass": NullPool} if not size else {"pool_size": size, "max_overflow": 0}
    if size:
        pool |= {"pool_timeout": 5.0, "pool_use_lifo": True}
    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=_connector(url, _options(name=name, role=role, bulk=bulk, patient=patient)),
        **pool,
    )
    event.listen(engine.sync_engine, "checkout", _refuse_closed)
    return engine


def _refuse_closed(connection: Any, _record: object, _proxy: object) -> None:
    """Replace what the pool held while the server went away: the driver knows it, so asking costs nothing.

    Else the first request that meets such a connection fails, however long after the outage.
    """
    if connection.driver_connection.is_closed():
        raise exc.InvalidatePoolError


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
    """Up to `size` connections for statements and as many for transactions, under one role.

    Each is opened when it is first needed. One that is `bulk` waits longer for each statement.
    """

    def __init__(self, url: str, *, name: str, role: str | None = None, size: int = 5, bulk: bool = False) -> None:
        self._url, self._name, self._role = url, name, role
        self._engine = make_engine(url, name=name, role=role, size=size, bulk=bulk)
        options = _options(name=name, role=role, bulk=bulk)
        self._statements = StatementPool(url, options, size=size, is_lost=_is_lost)

    async def rows(self, statement: TextClause, **values: Any) -> Sequence[Row]:
        """Run one statement that commits by itself, and return its rows. Raises DatabaseAway, -Busy or -Conflict."""
        with translated():
            return await self._statements.rows(statement, values)

    async def row(self, statement: TextClause, **values: Any) -> Row | None:
        """Like `rows`, for a statement that gives one row or none."""
        found = await self.rows(statement, **values)
        return found[0] if found else None

    @asynccontextmanager
    async def transaction(self, *, business_id: int | None = None) -> AsyncIterator[AsyncConnection]:
        """A transaction of several statements, seeing only `business_id` under the API's role.

        For reads, and for bulk writes of rows that nobody else can hold yet: it spans round trips.
        """
        with translated():
            async with self._engine.begin() as connection:
                if business_id is not None:
                    await connection.execute(_SET_BUSINESS, {"business_id": str(business_id)})
                yield connection

    def session(self, timeout: float, name: str = "session") -> Session:
        """A connection apart from the pool, whose statements each take `timeout` seconds at most.

        The server shows it as `name`, after the pool's own.
        """
        return Session(_connector(self._url, _options(name=f"{self._name}-{name}", role=self._role)), timeout)

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
        await self._statements.close()
        await self._engine.dispose()


_PING = text("SELECT 1")
_SET_BUSINESS = text("SELECT set_config('ringfence.business_id', :business_id, true)")
