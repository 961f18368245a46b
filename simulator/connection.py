"""One HTTP/1.1 connection to a webhook: a request at a time, its answer read whole.

Rules: a request is written once, with one write unless it is to be slow; every wait has its timer, an idle connection
too; a connection whose answer did not come whole, or whose server wants no more requests, closes.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import httptools


class WebhookFailed(Exception):
    """A request came to no answer; `failure` is the policy of `rp` that retries it."""

    failure = "rt"


class Disconnected(WebhookFailed):
    """The server closed or reset the connection before its answer was whole."""


class TimedOut(WebhookFailed):
    """The answer, or its next part, did not come in time."""


class BadAnswer(WebhookFailed):
    """What came is not HTTP."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Real seconds to connect and between parts of the answer, and the monotonic time at which all of it must end."""

    connect: float
    read: float
    ends: float

    def left(self) -> float:
        return max(0.0, self.ends - time.monotonic())


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it goes over the wire; with `slow_seconds` its body takes that long, byte by byte."""

    head: bytes
    body: bytes
    slow_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said; `location` is where it redirects to."""

    status: int
    location: str | None
    body: bytes


class Connection(asyncio.Protocol):
    """An open connection; `forget` is told when it is lost."""

    def __init__(self, forget: Callable[["Connection"], None]) -> None:
        self._forget = forget
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport
        self._timer: asyncio.TimerHandle | None = None
        self._awaited: asyncio.Future[Answer] | None = None
        self._begin_answer()

    @property
    def reusable(self) -> bool:
        return not self._transport.is_closing()

    async def ask(self, request: Request, limits: Limits) -> Answer:
        """Send a request and read its answer; raises WebhookFailed. Whoever is cancelled here loses the connection."""
        if self._transport.is_closing():
            raise Disconnected
        awaited: asyncio.Future[Answer] = self._loop.create_future()
        self._awaited = awaited
        self._limits = limits
        try:
            if request.slow_seconds and request.body:
                await self._drip(request, awaited)
            else:
                self._transport.write(request.head + request.body)
            self._await_more()
            return await awaited
        except BaseException:
            self.close()
            raise
        finally:
            self._awaited = None
            self._stop_timer()

    def rest(self, seconds: float) -> None:
        """Stay open for the next request that long."""
        self._timer = self._loop.call_later(seconds, self.close)

    def wake(self) -> None:
        """End a rest."""
        self._stop_timer()

    def close(self) -> None:
        self._stop_timer()
        self._transport.close()

    async def _drip(self, request: Request, awaited: asyncio.Future[Answer]) -> None:
        self._timer = self._loop.call_later(self._limits.left(), self._fail, TimedOut())
        self._transport.write(request.head)
        began = self._loop.time()
        for sent in range(1, len(request.body) + 1):
            if awaited.done():
                return self.close()
            self._transport.write(request.body[sent - 1 : sent])
            early = began + request.slow_seconds * sent / len(request.body) - self._loop.time()
            if early > 0:
                await asyncio.wait([awaited], timeout=early)
        return None

    def _await_more(self) -> None:
        self._stop_timer()
        seconds = min(self._limits.read, self._limits.left())
        self._timer = self._loop.call_later(seconds, self._fail, TimedOut())

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _fail(self, error: WebhookFailed) -> None:
        if self._awaited is not None and not self._awaited.done():
            self._awaited.set_exception(error)
        self.close()

    # What the transport tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but its class

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._fail(BadAnswer())
        else:
            if self._awaited is not None and not self._awaited.done():
                self._await_more()

    def connection_lost(self, error: Exception | None) -> None:
        if error is None and self._runs_to_the_end:
            self.on_message_complete()
        self._fail(Disconnected())
        self._forget(self)

    # What the parser tells.

    def _begin_answer(self) -> None:
        self._location: str | None = None
        self._body = bytearray()
        self._measured = False
        self._runs_to_the_end = False

    def on_message_begin(self) -> None:
        self._begin_answer()

    def on_header(self, name: bytes, value: bytes) -> None:
        match name.lower():
            case b"location":
                self._location = value.decode("utf-8", "replace")
            case b"content-length" | b"transfer-encoding":
                self._measured = True

    def on_headers_complete(self) -> None:
        self._runs_to_the_end = not self._measured and not self._parser.should_keep_alive()

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200:
            return
        self._runs_to_the_end = False
        wanted = self._awaited is not None and not self._awaited.done()
        if self._awaited is not None and wanted:
            self._awaited.set_result(Answer(status, self._location, bytes(self._body)))
        if not wanted or not self._parser.should_keep_alive():
            self.close()
