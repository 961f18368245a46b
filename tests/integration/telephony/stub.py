"""A provider of one behaviour, which writes down what reached it and how each connection ended."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl

RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@dataclass(frozen=True)
class Seen:
    """One whole request."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    connection: int

    @property
    def form(self) -> list[tuple[str, str]]:
        return parse_qsl(self.body.decode(), keep_blank_values=True)


Behaviour = Callable[["Stub", Seen, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Stub:
    """Serves on loopback; `endings` holds `fin` or `reset` for each connection that the client ended."""

    behaviour: Behaviour
    tls: ssl.SSLContext | None = None
    requests: list[Seen] = field(default_factory=list)
    received: int = 0
    connections: int = 0
    endings: list[str] = field(default_factory=list)
    _server: asyncio.Server | None = None
    _writers: list[asyncio.StreamWriter] = field(default_factory=list)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def port(self) -> int:
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self.tls)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for writer in self._writers:
            writer.transport.abort()
        await self._server.wait_closed()

    async def until(self, claim: Callable[[], bool], seconds: float = 20.0) -> None:
        """Waits for what the other side does."""
        async with asyncio.timeout(seconds):
            while not claim():  # noqa: ASYNC110 - the claim may be about anything
                await asyncio.sleep(0.005)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.append(writer)
        task = asyncio.create_task(self._serve(self.connections, reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (seen := await self._request(number, reader)) is not None:
                self.requests.append(seen)
                await self.behaviour(self, seen, writer)
            self.endings.append("fin")
        except ConnectionError:
            self.endings.append("reset")

    async def _request(self, number: int, reader: asyncio.StreamReader) -> Seen | None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError as cut:
            self.received += len(cut.partial)
            return None
        self.received += len(head)
        first, *lines = head.decode().strip().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        self.received += len(body)
        method, target, _ = first.split(" ")
        return Seen(method, target, headers, body, number)


def answers(status: int, body: str = "", *headers: str, length: int | None = None) -> Behaviour:
    """A whole HTTP answer; `length` claims another Content-Length than the body has."""

    async def behave(_stub: Stub, _seen: Seen, writer: asyncio.StreamWriter) -> None:
        raw = body.encode()
        claimed = len(raw) if length is None else length
        head = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {claimed}", *headers, "", ""]
        writer.write("\r\n".join(head).encode() + raw)
        await writer.drain()
        if length is not None:
            writer.close()

    return behave


def writes(raw: bytes) -> Behaviour:
    """Whatever these bytes mean, and then the end."""

    async def behave(_stub: Stub, _seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(raw)
        await writer.drain()
        writer.close()

    return behave


async def hangs(_stub: Stub, _seen: Seen, _writer: asyncio.StreamWriter) -> None:
    """Reads the request and says nothing."""


async def drips(_stub: Stub, _seen: Seen, writer: asyncio.StreamWriter) -> None:
    """Says something every now and then, and never comes to an end."""
    writer.write(b"HTTP/1.1 201 Created\r\nContent-Length: 100000\r\n\r\n")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.05)


async def floods(_stub: Stub, _seen: Seen, writer: asyncio.StreamWriter) -> None:
    """Sends more than anybody wants to read."""
    writer.write(b"HTTP/1.1 201 Created\r\nContent-Length: 1000000000\r\n\r\n")
    while True:
        writer.write(b" " * 65536)
        await writer.drain()


async def closes(_stub: Stub, _seen: Seen, writer: asyncio.StreamWriter) -> None:
    """Reads the request and ends the connection politely."""
    writer.close()


async def resets(_stub: Stub, _seen: Seen, writer: asyncio.StreamWriter) -> None:
    """Reads the request and resets the connection."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    writer.transport.abort()


def in_turn(*behaviours: Behaviour) -> Behaviour:
    """The first behaviour for the first request, and so on."""
    left = list(behaviours)

    async def behave(stub: Stub, seen: Seen, writer: asyncio.StreamWriter) -> None:
        await left.pop(0)(stub, seen, writer)

    return behave
