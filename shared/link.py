"""One session with the broker at a time: opened, watched, closed at the first trouble, opened again.

Rules: a session is never repaired, only replaced, so that nothing the client library cached or half restored lives
on; an unanswered probe means "down", not "dead" (a broker that blocks publishers under an alarm answers again, a
connection gone silent is cut by the heartbeats); one line in the log when the broker goes, one when it is back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, Generic, Protocol, TypeVar

from shared.background import Background, OnDeath, end_process
from shared.errors import BrokerAway
from shared.health import Health
from shared.logs import logger

RETRY_SECONDS: Final = 1.0
PROBE_EVERY: Final = 10.0
PROBE_TIMEOUT: Final = 3.0


class Session(Protocol):
    """What a link keeps open; `ended` resolves with the reason when it is of no more use."""

    @property
    def ended(self) -> asyncio.Future[str]: ...

    def end(self, reason: str) -> None:
        """Declare the session of no more use."""

    async def probe(self) -> None:
        """Return when the broker has answered a question on this session."""

    async def close(self) -> None:
        """Close the session within seconds, whatever state it is in."""


S = TypeVar("S", bound=Session)


@contextmanager
def no_foreign_cancellation() -> Iterator[None]:
    """Turn the bare CancelledError by which the client library reports a lost connection into BrokerAway."""
    try:
        yield
    except asyncio.CancelledError as exc:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise BrokerAway("the connection was lost") from exc


def reason_of(error: BaseException) -> str:
    """Return an error in one short line: some of the library's quote whole frames."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return f"{type(error).__name__}: {error}".splitlines()[0][:200]


class Link(Generic[S]):
    """Keeps a session with the broker open for as long as it is started."""

    def __init__(
        self,
        name: str,
        begin: Callable[[], Awaitable[S]],
        health: Health | None = None,
        on_death: OnDeath = end_process,
    ) -> None:
        self._name = name
        self._begin = begin
        self._health = health
        self._background = Background(f"broker link {name}", self._keep, on_death)
        self._session: S | None = None
        self._open = asyncio.Event()
        self._doubted = asyncio.Event()
        self._is_up: bool | None = None

    def start(self) -> None:
        """Begin to connect in the background; return at once."""
        self._background.start()

    async def stop(self) -> None:
        """Close the session and end the reconnecting."""
        await self._background.stop()
        self._is_up = None

    @property
    def is_up(self) -> bool:
        """Say whether the broker answered when it was last asked."""
        return bool(self._is_up)

    async def session(self) -> S:
        """Return the open session, waiting for it if there is none."""
        while self._session is None:
            await self._open.wait()
        return self._session

    def doubt(self) -> None:
        """Ask for a probe now: something on this session took too long."""
        self._doubted.set()

    async def _keep(self) -> None:
        while True:
            try:
                with no_foreign_cancellation():
                    session = await self._begin()
            except Exception as exc:
                self._down(reason_of(exc))
            else:
                await self._live(session)
            await asyncio.sleep(RETRY_SECONDS)

    async def _live(self, session: S) -> None:
        self._session = session
        self._open.set()
        self._up()
        try:
            self._down(await self._watch(session))
        finally:
            self._session = None
            self._open.clear()
            await session.close()

    async def _watch(self, session: S) -> str:
        """Probe the session until it ends; return why it did."""
        while not session.ended.done():
            await self._until_next_probe(session)
            if not session.ended.done():
                await self._probe(session)
        return session.ended.result()

    async def _until_next_probe(self, session: S) -> None:
        doubted = asyncio.create_task(self._doubted.wait())
        try:
            await _first({doubted, session.ended}, PROBE_EVERY)
        finally:
            doubted.cancel()
            self._doubted.clear()

    async def _probe(self, session: S) -> None:
        # Cancelling a question makes the library close the channel, so a late answer is waited for.
        asked = asyncio.create_task(session.probe())
        try:
            await _first({asked, session.ended}, PROBE_TIMEOUT)
            if not asked.done() and not session.ended.done():
                self._down("no answer in time")
                await _first({asked, session.ended}, None)
            if asked.done():
                self._judge(asked, session)
        finally:
            asked.cancel()
            await asyncio.gather(asked, return_exceptions=True)

    def _judge(self, asked: asyncio.Task[None], session: S) -> None:
        if asked.cancelled():
            session.end("the connection was lost")
        elif (error := asked.exception()) is not None:
            session.end(reason_of(error))
        else:
            self._up()

    def _up(self) -> None:
        if self._health is not None:
            self._health.set("broker", up=True)
        elif not self._is_up:
            logger().info("BROKER_UP", connection=self._name)
        self._is_up = True

    def _down(self, reason: str) -> None:
        if self._health is not None:
            self._health.set("broker", up=False, reason=reason)
        elif self._is_up is not False:
            logger().warning("BROKER_AWAY", connection=self._name, reason=reason)
        self._is_up = False


async def _first(futures: set[asyncio.Future[Any]], timeout: float | None) -> None:
    await asyncio.wait(futures, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
