"""A proxy for one link between two programs of this machine, whose weather can be changed while they talk.

Rules: it listens on loopback only, on one port that stays its own also while the link is cut; each of its connections
has one of its own to the server. A connection that lost bytes in a hole is reset when the weather changes, because
nothing can bring them back.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
from dataclasses import dataclass
from typing import Self

from stack.passage import Passage, Sky, reset
from stack.ports import free_port
from stack.weather import CLEAR, Way, Weather

HOST = "127.0.0.1"
BACKLOG = 512


@dataclass
class Traffic:
    """One direction: pieces passed on and swallowed, and the longest that one passed on was kept, in seconds."""

    pieces: int = 0
    swallowed: int = 0
    longest: float = 0.0


class Proxy:
    """One link to the server at `port`; `listens` is the port to connect to instead."""

    def __init__(self, name: str, port: int, chance: random.Random | None = None) -> None:
        self.name = name
        self.listens = free_port()
        self.traffic: dict[Way, Traffic] = {"up": Traffic(), "down": Traffic()}
        self._server_port = port
        self._chance = chance or random.Random()  # noqa: S311 - jitter
        self._sky = Sky()
        self._passages: set[Passage] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._keeper = _bound(self.listens)

    async def __aenter__(self) -> Self:
        await self._listen()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def weather(self) -> Weather:
        return self._sky.now

    @property
    def connections(self) -> int:
        """How many connections are open now."""
        return len(self._passages)

    async def turn(self, weather: Weather) -> None:
        """Let the link be like this from now on."""
        before = self._sky.now
        self._sky.turn(weather)
        for passage in list(self._passages):
            if weather.kind == "cut" or (passage.lost and before.kind == "hole"):
                passage.reset()
        if weather.kind == "cut":
            self._deafen()
        elif self._server is None:
            await self._listen()

    async def clear(self) -> None:
        await self.turn(CLEAR)

    async def close(self) -> None:
        """Reset every connection and give the port back."""
        self._deafen()
        for passage in list(self._passages):
            passage.reset()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._keeper.close()

    async def _listen(self) -> None:
        listener = _bound(self.listens)
        self._server = await asyncio.start_server(self._accept, sock=listener, backlog=BACKLOG)

    def _deafen(self) -> None:
        """Take no connection any more; the port stays ours, so that whoever tries is refused."""
        if self._server is not None:
            self._server.close()
            self._server = None

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer), name=f"{self.name} connection")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            server = await asyncio.open_connection(HOST, self._server_port)
        except OSError:
            return await _refuse(writer)
        passage = Passage(self._sky, self._chance, self._note, (reader, writer), server)
        self._passages.add(passage)
        try:
            if self._sky.now.kind == "cut":  # since it was accepted
                passage.reset()
            await passage.run()
        finally:
            self._passages.discard(passage)

    def _note(self, way: Way, kept: float | None) -> None:
        traffic = self.traffic[way]
        if kept is None:
            traffic.swallowed += 1
            return
        traffic.pieces += 1
        traffic.longest = max(traffic.longest, kept)


async def _refuse(writer: asyncio.StreamWriter) -> None:
    reset(writer)
    with contextlib.suppress(OSError):
        await writer.wait_closed()


def _bound(port: int) -> socket.socket:
    """A socket at this port beside others of ours: one that only keeps it lets connections be refused."""
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    bound.bind((HOST, port))
    return bound
