"""One session with the broker at a time: opened, watched, closed at the first trouble, opened again.

Rules: a session is never repaired, only replaced, so that nothing the client library cached or half restored lives
on; an unanswered probe means "down", not "dead" (a broker that blocks publishers under an alarm answers again, a
connection gone silent is cut by the heartbeats); one line in the log when the broker goes, one when it is back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, Generic, Protocol, TypeVar

from shared.background import Background, OnDeath, end_process
from shared.health import Health
from shared.library import abandon, reason_of
from shared.logs import logger

RETRY_SECONDS: Final = 1.0
PROBE_EVERY: Final = 10.0
PROBE_TIMEOUT: Final = 3.0
STOP_SECONDS: Final = 20.0
"""How long a stop waits for an attempt to connect to come to its end: cut short, it would leave the connection open."""


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


class Link(Generic[S]):
    """Keeps a session with the broker open for as long as it is started.

    `begin` opens a session, within seconds, or raises. `health` hears of the "broker"; without it the log does.
    """

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
        self._nudge = asyncio.Event()
        self._stopping = False
        self._is_up: bool | None = None

    def start(self) -> None:
        """Begin to connect in the background; return at once."""
        self._stopping = False
        self._background.start()

    async def stop(self) -> None:
        """Close the session and end the reconnecting."""
        self._stopping = True
        self._nudge.set()
        await self._background.stop(STOP_SECONDS)
        self._is_up = None

    @property
    def is_away(self) -> bool:
        """Whether the broker is known to be away; false while that is not known yet."""
        return self._is_up is False

    async def session(self) -> S:
        """Return the open session, waiting for the next one if there is none."""
        while (session := self._session) is None or session.ended.done():
            self._open.clear()
            await self._open.wait()
        return session

    def doubt(self) -> None:
        """Ask for a probe now: something on this session took too long."""
        self._nudge.set()

    async def _keep(self) -> None:
        while not self._stopping:
            try:
                session = await self._begin()
            except Exception as exc:
                self._down(reason_of(exc))
            else:
                await self._live(session)
            if not self._stopping:
                await self._nudged_within(RETRY_SECONDS, lambda: self._stopping)

    async def _live(self, session: S) -> None:
        self._session = session
        self._open.set()
        self._up()
        session.ended.add_done_callback(lambda _: self._nudge.set())
        try:
            await self._watch(session)
            if not self._stopping:
                self._down(session.ended.result())
        finally:
            self._session = None
            await session.close()

    async def _watch(self, session: S) -> None:
        """Probe the session until it ends or the link is stopped."""
        while not self._over(session):
            await self._nudged_within(PROBE_EVERY, lambda: True)
            if not self._over(session):
                await self._probe(session)

    def _over(self, session: S) -> bool:
        return self._stopping or session.ended.done()

    async def _probe(self, session: S) -> None:
        asked = asyncio.create_task(session.probe())
        asked.add_done_callback(lambda _: self._nudge.set())
        answered = await self._nudged_within(PROBE_TIMEOUT, lambda: asked.done() or self._over(session))
        if not answered:
            self._down("no answer in time")
            await self._nudged_within(None, lambda: asked.done() or self._over(session))
        if asked.done():
            self._judge(asked, session)
        else:
            abandon(asked)

    def _judge(self, asked: asyncio.Task[None], session: S) -> None:
        if asked.cancelled():
            session.end("the connection was lost")
        elif (error := asked.exception()) is not None:
            session.end(reason_of(error))
        else:
            self._up()

    async def _nudged_within(self, seconds: float | None, enough: Callable[[], Any]) -> bool:
        """Wait for a nudge after which there is `enough`; return whether it came in time."""
        try:
            async with asyncio.timeout(seconds):
                await self._nudge.wait()
                self._nudge.clear()
                while not enough():
                    await self._nudge.wait()
                    self._nudge.clear()
        except TimeoutError:
            return False
        return True

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
