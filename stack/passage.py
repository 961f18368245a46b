"""One connection through a proxy: two streams of bytes, each under the link's weather.

Rules: what was read is passed on in order, also after its sender has gone, as a network does that has taken the bytes;
only a reset forgets them. An end of one side is passed on behind the bytes that came before it.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass

from stack.weather import Way, Weather

CHUNK = 65_536
NO_LINGER = struct.pack("ii", 1, 0)

Note = Callable[[Way, float | None], None]
"""Is told of each piece: its way, and for how many seconds it was kept until it was passed on, None if swallowed."""

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Sky:
    """The weather of one link, and a way to wait for another."""

    def __init__(self) -> None:
        self.now = Weather()
        self._changed = asyncio.Event()

    def turn(self, weather: Weather) -> None:
        self.now = weather
        self._changed.set()
        self._changed = asyncio.Event()

    async def change(self) -> None:
        await self._changed.wait()


@dataclass(frozen=True)
class Piece:
    """Bytes on their way, None for the end of them; moments are monotonic."""

    content: bytes | None
    came: float
    due: float


class Passage:
    """Both directions of one connection; `lost` says that some of its bytes were swallowed."""

    def __init__(self, sky: Sky, chance: random.Random, note: Note, client: Streams, server: Streams) -> None:
        self.lost = False
        self._sky = sky
        self._chance = chance
        self._note = note
        self._writers = (client[1], server[1])
        self._ways = (
            asyncio.create_task(self._pass(client[0], server[1], "up")),
            asyncio.create_task(self._pass(server[0], client[1], "down")),
        )

    async def run(self) -> None:
        """Pass bytes on until both sides have ended or one of them broke."""
        try:
            done, _ = await asyncio.wait(self._ways, return_when=asyncio.FIRST_EXCEPTION)
            broken = [way.exception() for way in done if not way.cancelled()]
            if any(broken):
                self.reset()
            if unexpected := [error for error in broken if error and not isinstance(error, OSError)]:
                raise unexpected[0]
        finally:
            self._stop()
            await asyncio.gather(*self._ways, return_exceptions=True)
            await asyncio.gather(*map(_close, self._writers))

    def reset(self) -> None:
        """Break it off on both sides, so that each sees a reset; what was under way is forgotten."""
        self._stop()
        for writer in self._writers:
            reset(writer)

    def _stop(self) -> None:
        for way in self._ways:
            way.cancel()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: Way) -> None:
        pieces: asyncio.Queue[Piece] = asyncio.Queue()
        reading = asyncio.create_task(self._read(reader, pieces, way))
        try:
            while True:
                piece = await pieces.get()
                if not await self._arrives(piece, way):
                    continue
                if piece.content is None:
                    break
                self._note(way, time.monotonic() - piece.came)
                writer.write(piece.content)
                await writer.drain()
            await reading  # raises where the sender broke off
            if writer.can_write_eof():
                writer.write_eof()
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    async def _read(self, reader: asyncio.StreamReader, pieces: asyncio.Queue[Piece], way: Way) -> None:
        try:
            while content := await reader.read(CHUNK):
                pieces.put_nowait(self._piece(content, way))
        finally:
            pieces.put_nowait(self._piece(None, way))

    def _piece(self, content: bytes | None, way: Way) -> Piece:
        weather, came = self._sky.now, time.monotonic()
        slowness = weather.seconds + self._chance.uniform(0, weather.jitter) if weather.slows(way) else 0.0
        return Piece(content, came, came + slowness)

    async def _arrives(self, piece: Piece, way: Way) -> bool:
        """Wait until a piece may go on; False where it is swallowed."""
        if (left := piece.due - time.monotonic()) > 0:
            await asyncio.sleep(left)
        while self._sky.now.stops(way):
            await self._sky.change()
        if self._sky.now.swallows(way):
            self.lost = True
            self._note(way, None)
            return False
        return True


def reset(writer: asyncio.StreamWriter) -> None:
    """Break a connection off, so that the other side sees a reset."""
    raw = writer.get_extra_info("socket")
    if raw is not None and raw.fileno() >= 0:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
    writer.transport.abort()


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
