"""A TCP proxy in front of the broker that can refuse, go silent and cut."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

from yarl import URL

from stack.ports import free_port


class Proxy:
    """Forwards bytes to the broker of an AMQP URL, except while told not to."""

    def __init__(self, amqp_url: str) -> None:
        self._target = URL(amqp_url)
        self._port = free_port()
        self.url = str(self._target.with_port(self._port))
        self.connections = 0
        self._server: asyncio.Server | None = None
        self._flows: dict[str, asyncio.Event] = {"up": asyncio.Event(), "down": asyncio.Event()}
        self._writers: set[asyncio.StreamWriter] = set()
        self._pumps: set[asyncio.Task[None]] = set()
        self.release()

    async def listen(self) -> None:
        """Accept connections from now on."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self._port)

    async def refuse(self) -> None:
        """Accept no connection from now on, and cut those that are open."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
        self.cut()

    def hold(self, *directions: str) -> None:
        """Keep back what goes "up" to the broker, or "down" to its client, without closing anything."""
        for direction in directions:
            self._flows[direction].clear()

    def release(self) -> None:
        """Let everything through again, what was kept back first."""
        for flow in self._flows.values():
            flow.set()

    def cut(self) -> None:
        """Reset every open connection."""
        for writer in list(self._writers):
            writer.transport.abort()

    async def __aenter__(self) -> Self:
        await self.listen()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
        await self.refuse()
        await asyncio.gather(*self._pumps, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        up_reader, up_writer = await asyncio.open_connection(self._target.host, self._target.port)
        for source, sink, direction in ((reader, up_writer, "up"), (up_reader, writer, "down")):
            self._writers.add(sink)
            pump = asyncio.create_task(self._pump(source, sink, self._flows[direction]))
            self._pumps.add(pump)
            pump.add_done_callback(self._pumps.discard)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, flow: asyncio.Event) -> None:
        try:
            while data := await source.read(65536):
                await flow.wait()
                sink.write(data)
                await sink.drain()
        except OSError:
            sink.transport.abort()
        finally:
            self._writers.discard(sink)
            sink.close()
