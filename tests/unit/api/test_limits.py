"""Bodies above the limit are refused unread, and their sender still gets the answer."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send

from services.api.errors import ApiError
from services.api.limits import IMPORT_PATH, LARGEST_BODY, LARGEST_IMPORT, BodyLimit

PIECE = 1_000_000


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Count the bytes of the body, as the framework would read them."""
    try:
        size = sum([len(piece) async for piece in Request(scope, receive).stream()])
        await PlainTextResponse(str(size))(scope, receive, send)
    except ApiError as error:
        await PlainTextResponse(error.code, error.status)(scope, receive, send)


class Client:
    """Sends a body in pieces and notes what is answered."""

    def __init__(self, size: int) -> None:
        self.left = size
        self.sent: list[Message] = []

    async def receive(self) -> Message:
        piece = min(self.left, PIECE)
        self.left -= piece
        return {"type": "http.request", "body": b"x" * piece, "more_body": self.left > 0}

    async def send(self, message: Message) -> None:
        self.sent.append(message)


async def ask(size: int, *, announced: bool, path: str = "/api/leads") -> tuple[int, bytes, Client]:
    client = Client(size)
    headers = [(b"content-length", str(size).encode())] if announced else []
    scope: dict[str, Any] = {"type": "http", "method": "POST", "path": path, "headers": headers, "state": {}}
    await BodyLimit(application)(scope, client.receive, client.send)
    body = b"".join(message.get("body", b"") for message in client.sent)
    return client.sent[0]["status"], body, client


@pytest.mark.parametrize("announced", [True, False])
@pytest.mark.parametrize(("path", "limit"), [("/api/leads", LARGEST_BODY), (IMPORT_PATH, LARGEST_IMPORT)])
async def test_a_body_at_the_limit_passes_and_one_byte_more_does_not(path: str, limit: int, *, announced: bool) -> None:
    status, body, _ = await ask(limit, announced=announced, path=path)
    assert (status, body) == (200, str(limit).encode())
    status, body, client = await ask(limit + 1, announced=announced, path=path)
    assert status == 413
    assert b"too_large" in body
    assert client.left == 0, "what is being sent is taken, so that the answer is not lost to a reset"
    assert [message.get("more_body", False) for message in client.sent[1:]] == [True, False]


async def test_an_announced_body_is_refused_before_any_of_it_is_read() -> None:
    asked_at_answer: list[int] = []

    class Watching(Client):
        async def send(self, message: Message) -> None:
            if message["type"] == "http.response.start":
                asked_at_answer.append(self.left)
            await super().send(message)

    client = Watching(LARGEST_BODY + 1)
    headers = [(b"content-length", str(client.left).encode())]
    scope: dict[str, Any] = {"type": "http", "method": "POST", "path": "/", "headers": headers, "state": {}}
    await BodyLimit(application)(scope, client.receive, client.send)
    assert asked_at_answer == [LARGEST_BODY + 1]
