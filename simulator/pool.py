"""Connections to webhooks, kept open between requests.

Rules: at most MOST requests are under way at once, the others wait for their turn within their own limits; a
connection serves one request at a time; one that was not asked for KEEP_ALIVE closes.
"""

import asyncio
import ssl
from collections import defaultdict
from functools import partial

from simulator.connection import Answer, Connection, Limits, Request, TimedOut, WebhookFailed
from simulator.targets import Origin

MOST = 500
# Below the five seconds after which common servers drop an idle connection: a request must not meet its end.
KEEP_ALIVE = 2.0


class ConnectFailed(WebhookFailed):
    """Nobody listens there, or TLS was not agreed on."""

    failure = "ct"


class ConnectTimedOut(WebhookFailed):
    """No connection came about in time."""

    failure = "ct"


class Pool:
    """Every connection of one simulator."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(MOST)
        self._idle: dict[Origin, dict[Connection, None]] = defaultdict(dict)
        self._tls: ssl.SSLContext | None = None

    async def ask(self, origin: Origin, request: Request, limits: Limits) -> Answer:
        """Send a request over a connection that is open, else over a new one; raises WebhookFailed."""
        await self._take_turn(limits)
        try:
            connection = self._reused(origin) or await self._opened(origin, limits)
            answer = await connection.ask(request, limits)
            if connection.reusable:
                connection.rest(KEEP_ALIVE)
                self._idle[origin][connection] = None
            return answer
        finally:
            self._turns.release()

    async def close(self) -> None:
        """Close what is idle; whoever still asks closes its own when it is cancelled."""
        for connections in self._idle.values():
            for connection in connections:
                connection.close()
        await asyncio.sleep(0)

    async def _take_turn(self, limits: Limits) -> None:
        if not self._turns.locked():
            await self._turns.acquire()
            return
        try:
            async with asyncio.timeout(limits.left()):
                await self._turns.acquire()
        except TimeoutError as error:
            raise TimedOut from error

    def _reused(self, origin: Origin) -> Connection | None:
        """The connection that was used last, so that those which are not needed come to their end."""
        idle = self._idle[origin]
        while idle:
            connection, _ = idle.popitem()
            connection.wake()
            if connection.reusable:
                return connection
        return None

    async def _opened(self, origin: Origin, limits: Limits) -> Connection:
        tls = self._tls_context() if origin.secure else None
        make = partial(Connection, partial(self._forget, origin))
        try:
            async with asyncio.timeout(min(limits.connect, limits.left())):
                _, connection = await asyncio.get_running_loop().create_connection(
                    make, origin.host, origin.port, ssl=tls
                )
        except TimeoutError as error:
            raise ConnectTimedOut from error
        except OSError as error:
            raise ConnectFailed from error
        return connection

    def _forget(self, origin: Origin, connection: Connection) -> None:
        self._idle[origin].pop(connection, None)

    def _tls_context(self) -> ssl.SSLContext:
        self._tls = self._tls or ssl.create_default_context()
        return self._tls
