"""Bodies above the limit are refused before they are read.

Rules: a length that is announced is judged before the first byte is asked for, one that is not at the byte that
exceeds the limit. A client that is still writing would lose the answer to a reset, so what it sends is read and
dropped for a moment, never kept.
"""

from __future__ import annotations

import asyncio

from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.api.errors import render, too_large
from shared.crashpoints import crash_point

MEGABYTE = 1_000_000
LARGEST_BODY = 10 * MEGABYTE
LARGEST_IMPORT = 200 * MEGABYTE
IMPORT_PATH = "/api/leads/import"
LINGER_SECONDS = 5.0


class BodyLimit:
    """Wraps an application so that no request of it meets a body above the limit of its path."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = LARGEST_IMPORT if scope["path"] == IMPORT_PATH else LARGEST_BODY
        body = _LimitedBody(receive, send, limit)
        if _announced(scope) > limit:
            body.exceeded = True
            answer = await render(Request(scope), too_large(limit))
            await answer(scope, receive, body.send)
            return
        await self._app(scope, body.receive, body.send)
        crash_point("api.request.answered")


def _announced(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return 0


class _LimitedBody:
    def __init__(self, receive: Receive, send: Send, limit: int) -> None:
        self._receive = receive
        self._send = send
        self._limit = limit
        self._read = 0
        self.exceeded = False

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._read += len(message.get("body", b""))
            if self._read > self._limit:
                self.exceeded = True
                raise too_large(self._limit)
        return message

    async def send(self, message: Message) -> None:
        if self.exceeded and message["type"] == "http.response.body" and not message.get("more_body"):
            await self._send({**message, "more_body": True})
            await self._drop_the_rest()
            message = {"type": "http.response.body", "body": b"", "more_body": False}
        crash_point("api.request.answering")
        await self._send(message)

    async def _drop_the_rest(self) -> None:
        try:
            async with asyncio.timeout(LINGER_SECONDS):
                while (message := await self._receive())["type"] == "http.request" and message.get("more_body"):
                    pass
        except TimeoutError:
            return
