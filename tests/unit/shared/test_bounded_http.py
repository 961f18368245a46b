"""The head of a request has a limit; its body has those of whoever reads it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from shared.bounded_http import LARGEST_HEAD, BoundedHttp

START = b"POST /webhooks HTTP/1.1\r\nHost: x\r\n"
PIECE = b"X-More: " + b"a" * 1000 + b"\r\n"


class Wire(asyncio.Transport):
    """A connection whose other end is the test."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = b""
        self.closed = False

    def write(self, data: Any) -> None:
        self.sent += bytes(data)

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        """A test reads as fast as it writes."""

    def resume_reading(self) -> None:
        """A test reads as fast as it writes."""


@pytest.fixture
async def asked() -> list[str]:
    """The paths that were asked for."""
    return []


@pytest.fixture
async def connection(asked: list[str]) -> tuple[BoundedHttp, Wire]:
    async def app(scope: Any, _receive: Any, send: Any) -> None:
        asked.append(scope["path"])
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    protocol, wire = BoundedHttp(uvicorn.Config(app, log_config=None), ServerState(), {}), Wire()
    protocol.connection_made(wire)
    return protocol, wire


async def answered(wire: Wire) -> None:
    async with asyncio.timeout(60):
        while not wire.sent:  # noqa: ASYNC110 - the application's task has no handle here
            await asyncio.sleep(0)


async def test_a_head_without_an_end_is_refused_before_it_fills_the_memory(
    connection: tuple[BoundedHttp, Wire], asked: list[str]
) -> None:
    protocol, wire = connection
    protocol.data_received(START)
    fed = 0
    while not wire.closed and fed < 10 * LARGEST_HEAD:
        protocol.data_received(PIECE)
        fed += len(PIECE)
    assert wire.sent.startswith(b"HTTP/1.1 400")
    assert fed <= LARGEST_HEAD + len(PIECE)
    assert asked == []


async def test_one_header_without_an_end_is_refused_too(connection: tuple[BoundedHttp, Wire], asked: list[str]) -> None:
    protocol, wire = connection
    protocol.data_received(START + b"X-Long: ")
    for _ in range(2 + LARGEST_HEAD // 1000):
        if not wire.closed:
            protocol.data_received(b"a" * 1000)
    assert wire.sent.startswith(b"HTTP/1.1 400")
    assert asked == []


async def test_a_long_body_behind_a_short_head_is_the_applications_business(
    connection: tuple[BoundedHttp, Wire], asked: list[str]
) -> None:
    protocol, wire = connection
    size = 3 * LARGEST_HEAD
    protocol.data_received(START + f"Content-Length: {size}\r\n\r\n".encode() + b"a" * 1000)
    for _ in range((size - 1000) // 1000):
        protocol.data_received(b"a" * 1000)
    await answered(wire)
    assert wire.sent.startswith(b"HTTP/1.1 204")
    assert asked == ["/webhooks"]
