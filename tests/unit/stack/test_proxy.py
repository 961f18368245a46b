"""What a proxy does to the connections through it, in each weather."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator

import pytest

from stack.passage import Streams
from stack.ports import free_port, is_open
from stack.proxy import Proxy
from stack.weather import CUT, Way, Weather
from tests.acceptance.waiting import eventually

PATIENCE = 30.0
QUIET = 0.3


class Server:
    """Answers every byte with its upper case, and knows what it was told."""

    def __init__(self) -> None:
        self.port = free_port()
        self.heard = b""
        self.ends: list[str] = []
        self._server: asyncio.Server | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)

    async def close(self) -> None:
        if self._server:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def has_heard(self, told: bytes) -> None:
        """Wait until it was told this and no more."""

        async def heard() -> bool:
            return self.heard == told

        await eventually(heard, f"{told!r} at the server")

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._tasks.append(asyncio.create_task(self._talk(reader, writer)))

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while told := await reader.read(1000):
                self.heard += told
                writer.write(told.upper())
            self.ends.append("end")
        except ConnectionError:
            self.ends.append("reset")
        finally:
            writer.close()


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    made = Server()
    await made.open()
    yield made
    await made.close()


@pytest.fixture
async def proxy(server: Server) -> AsyncIterator[Proxy]:
    async with Proxy("link", server.port) as made:
        yield made


@pytest.fixture
async def client(proxy: Proxy) -> AsyncIterator[Streams]:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.listens)
    await exchange((reader, writer), b"hello")
    yield reader, writer
    writer.transport.abort()


async def exchange(client: Streams, told: bytes) -> float:
    """Say something and hear it come back; after how many seconds."""
    began = time.monotonic()
    client[1].write(told)
    assert await asyncio.wait_for(client[0].readexactly(len(told)), PATIENCE) == told.upper()
    return time.monotonic() - began


async def is_quiet(client: Streams) -> bool:
    """Whether nothing, not even an end, comes for a while."""
    try:
        await asyncio.wait_for(client[0].read(1), QUIET)
    except TimeoutError:
        return True
    return False


async def swallowed(proxy: Proxy, way: Way) -> None:
    """Wait until something was swallowed."""

    async def seen() -> int:
        return proxy.traffic[way].swallowed

    await eventually(seen, f"something swallowed on its way {way}")


async def broken(client: Streams) -> bool:
    """Whether the connection is reset by and by."""
    try:
        await asyncio.wait_for(client[0].read(1), PATIENCE)
    except ConnectionResetError:
        return True
    return False


async def test_bytes_pass_both_ways_and_are_counted(proxy: Proxy, client: Streams) -> None:
    await exchange(client, b"x" * 200_000)
    assert proxy.connections == 1
    assert proxy.traffic["up"].pieces > 1
    assert proxy.traffic["down"].pieces > 1


async def test_the_end_of_one_side_is_passed_on_and_the_answer_still_comes(server: Server, client: Streams) -> None:
    client[1].write(b"last")
    client[1].write_eof()
    assert await asyncio.wait_for(client[0].read(), PATIENCE) == b"LAST"
    assert server.ends == ["end"]


async def test_a_delay_holds_every_byte_back_and_keeps_their_order(proxy: Proxy, client: Streams) -> None:
    await proxy.turn(Weather("delay", ("up",), seconds=0.1, jitter=0.1))
    assert await exchange(client, b"abc") >= 0.1
    for word in (b"one", b"two", b"three"):
        client[1].write(word)
        await asyncio.sleep(0)
    assert await asyncio.wait_for(client[0].readexactly(11), PATIENCE) == b"ONETWOTHREE"
    assert proxy.traffic["up"].longest >= 0.1


async def test_delayed_bytes_arrive_although_their_sender_has_broken_off(
    proxy: Proxy, server: Server, client: Streams
) -> None:
    """A network that has taken a request delivers it, whatever becomes of the one who sent it."""
    await proxy.turn(Weather("delay", ("up",), seconds=0.2))
    client[1].write(b"late")
    await client[1].drain()
    await asyncio.sleep(0.05)
    client[1].transport.abort()
    await server.has_heard(b"hellolate")


async def test_a_cut_resets_what_is_there_and_refuses_what_is_new(proxy: Proxy, client: Streams) -> None:
    await proxy.turn(CUT)
    assert await broken(client)
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", proxy.listens)
    await proxy.clear()
    again = await asyncio.open_connection("127.0.0.1", proxy.listens)
    await exchange(again, b"back")
    again[1].transport.abort()


async def test_nobody_else_can_take_the_port_of_a_cut_link(proxy: Proxy) -> None:
    await proxy.turn(CUT)
    with socket.socket() as thief:
        thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with pytest.raises(OSError):
            thief.bind(("127.0.0.1", proxy.listens))


@pytest.mark.parametrize("way", ["up", "down"])
async def test_held_bytes_wait_and_then_go_on(proxy: Proxy, server: Server, client: Streams, way: Way) -> None:
    await proxy.turn(Weather("hold", (way,)))
    client[1].write(b"wait")
    if way == "down":
        await server.has_heard(b"hellowait")
    assert await is_quiet(client)
    assert server.heard == (b"hello" if way == "up" else b"hellowait")
    await proxy.clear()
    assert await asyncio.wait_for(client[0].readexactly(4), PATIENCE) == b"WAIT"


@pytest.mark.parametrize("way", ["up", "down"])
async def test_a_hole_swallows_bytes_while_the_connection_stays_open(
    proxy: Proxy, server: Server, client: Streams, way: Way
) -> None:
    await proxy.turn(Weather("hole", (way,)))
    client[1].write(b"gone")
    await swallowed(proxy, way)
    assert await is_quiet(client)
    assert server.heard == (b"hello" if way == "up" else b"hellogone")
    await proxy.clear()
    assert await broken(client)
    assert server.heard == (b"hello" if way == "up" else b"hellogone")


async def test_a_hole_accepts_connections_and_an_unhurt_one_survives_it(proxy: Proxy, client: Streams) -> None:
    await proxy.turn(Weather("hole"))
    new = await asyncio.open_connection("127.0.0.1", proxy.listens)
    new[1].write(b"hello?")
    await swallowed(proxy, "up")
    assert await is_quiet(new)
    await proxy.clear()
    assert await broken(new)
    await exchange(client, b"still here")
    new[1].transport.abort()


async def test_an_end_within_a_hole_reaches_nobody_until_it_is_over(
    proxy: Proxy, server: Server, client: Streams
) -> None:
    await proxy.turn(Weather("hole"))
    client[1].close()
    await swallowed(proxy, "up")
    assert server.ends == []
    await proxy.clear()

    async def ended() -> list[str]:
        return server.ends

    assert await eventually(ended, "the end") == ["reset"]


async def test_a_connection_to_a_server_that_is_away_is_reset(proxy: Proxy, server: Server) -> None:
    await server.close()
    new = await asyncio.open_connection("127.0.0.1", proxy.listens)
    assert await broken(new)
    new[1].transport.abort()


async def test_a_closed_proxy_leaves_nothing_behind(server: Server) -> None:
    async with Proxy("link", server.port) as proxy:
        client = await asyncio.open_connection("127.0.0.1", proxy.listens)
        await exchange(client, b"hello")
        await proxy.turn(Weather("hold"))
        client[1].write(b"held")
    assert await broken(client)
    assert not is_open(proxy.listens)
    client[1].transport.abort()
