"""A proxy in front of PostgreSQL that keeps back, or cuts off, the answer to a claim."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit, urlunsplit

CLAIM = b"ringfence_claim("
EXECUTE = b"B"
"""A prepared statement is run by a Bind message; the text was in the Parse before it."""


class ClaimProxy:
    """Forwards everything; once armed, the answer to the next claim stays here until it is released or cut."""

    def __init__(self, database_url: str) -> None:
        parts = urlsplit(database_url)
        self._target = (parts.hostname or "127.0.0.1", parts.port or 5432)
        self._parts = parts
        self._server: asyncio.Server | None = None
        self._pumps: set[asyncio.Task[None]] = set()
        self._armed = False
        self._released = asyncio.Event()
        self._writers: tuple[asyncio.StreamWriter, ...] = ()
        self.sprung = asyncio.Event()

    @property
    def url(self) -> str:
        """The database's URL through this proxy."""
        assert self._server is not None
        port = self._server.sockets[0].getsockname()[1]
        place = f"{self._parts.netloc.rpartition('@')[0]}@127.0.0.1:{port}"
        return urlunsplit(self._parts._replace(netloc=place))

    def arm(self) -> None:
        """Keep back the answer to the next claim."""
        self._armed = True
        self._released.clear()
        self.sprung.clear()

    def release(self) -> None:
        """Let the answer through."""
        self._released.set()

    def cut(self) -> None:
        """Drop the connection with the answer on it."""
        for writer in self._writers:
            writer.transport.abort()
        self._released.set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for pump in self._pumps:
            pump.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._pumps.add(task)
        task.add_done_callback(self._pumps.discard)

    async def _serve(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        server, to_server = await asyncio.open_connection(*self._target)
        flow = asyncio.Event()
        flow.set()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._up(client, to_server, to_client, flow))
                group.create_task(self._down(server, to_client, flow))
        except* OSError:
            pass  # one side is gone, and so is the other now
        finally:
            for writer in (to_client, to_server):
                writer.transport.abort()

    async def _up(
        self,
        client: asyncio.StreamReader,
        to_server: asyncio.StreamWriter,
        to_client: asyncio.StreamWriter,
        flow: asyncio.Event,
    ) -> None:
        claims = False
        while data := await client.read(65536):
            claims = claims or CLAIM in data
            if claims and self._armed and data.startswith(EXECUTE):
                self._armed = False
                self._writers = (to_client, to_server)
                flow.clear()
                self.sprung.set()
                release = asyncio.create_task(self._release(flow))
                self._pumps.add(release)
                release.add_done_callback(self._pumps.discard)
            to_server.write(data)
            await to_server.drain()
        raise ConnectionResetError

    async def _release(self, flow: asyncio.Event) -> None:
        await self._released.wait()
        flow.set()

    async def _down(self, server: asyncio.StreamReader, to_client: asyncio.StreamWriter, flow: asyncio.Event) -> None:
        while data := await server.read(65536):
            await flow.wait()
            to_client.write(data)
            await to_client.drain()
        raise ConnectionResetError
