"""Connections to webhooks: when one is used again, and what becomes of answers that are odd, late or cut off."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import pytest
import uvloop

from simulator.connection import Answer, BadAnswer, Connection, Disconnected, Limits, Request, TimedOut, WebhookFailed
from simulator.pool import MOST, ConnectFailed, ConnectTimedOut, Pool
from simulator.targets import Origin
from tests.integration.simulator.rig import PATIENCE, until

BODY = b"a=1"
REQUEST = Request(b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n", BODY)
DONE = b"HTTP/1.1 204 No Content\r\n\r\n"


@dataclass(slots=True)
class Server:
    """Says `answer` to every request, then closes if it `hangs_up`; with `mute` it says nothing."""

    answer: bytes = DONE
    hangs_up: bool = False
    mute: bool = False
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)
    port: int = 0
    let_go: asyncio.Event = field(default_factory=asyncio.Event)
    serving: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def origin(self) -> Origin:
        return Origin(secure=False, host="127.0.0.1", port=self.port)

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.serving.add(asyncio.get_running_loop().create_task(self.serve(reader, writer)))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                self.requests.append(head + await reader.readexactly(len(BODY)))
                if self.mute:
                    await self.let_go.wait()
                writer.write(self.answer)
                if self.hangs_up:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()


@asynccontextmanager
async def listening(server: Server) -> AsyncIterator[Server]:
    listener = await asyncio.start_server(server.accept, "127.0.0.1", 0)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        for task in server.serving:
            task.cancel()
        await asyncio.gather(*server.serving, return_exceptions=True)


@pytest.fixture
async def pool() -> AsyncIterator[Pool]:
    one = Pool()
    yield one
    await one.close()


def limits(read: float = PATIENCE, total: float = PATIENCE) -> Limits:
    return Limits(connect=PATIENCE, read=read, ends=time.monotonic() + total)


async def test_requests_in_turn_share_a_connection(pool: Pool) -> None:
    async with listening(Server()) as server:
        for _ in range(3):
            assert await pool.ask(server.origin, REQUEST, limits()) == Answer(204, None, b"")
        assert server.connections == 1
        assert server.requests == [REQUEST.head + BODY] * 3


async def test_requests_at_once_have_connections_of_their_own(pool: Pool) -> None:
    async with listening(Server(mute=True)) as server:
        asked = [asyncio.ensure_future(pool.ask(server.origin, REQUEST, limits())) for _ in range(3)]
        await until(lambda: len(server.requests) == 3)
        server.let_go.set()
        await asyncio.gather(*asked)
        assert server.connections == 3


@pytest.mark.parametrize(
    ("answer", "status", "location", "body"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", 200, None, b"hi"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nh\r\n1\r\ni\r\n0\r\n\r\n", 200, None, b"hi"),
        (b"HTTP/1.1 302 Found\r\nLOCATION: /there\r\nContent-Length: 0\r\n\r\n", 302, "/there", b""),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", 200, None, b"hi"),
    ],
    ids=["length", "chunked", "redirect", "continue"],
)
async def test_an_answer_is_read_whole_and_its_connection_used_again(
    pool: Pool, answer: bytes, status: int, location: str | None, body: bytes
) -> None:
    async with listening(Server(answer)) as server:
        for _ in range(2):
            assert await pool.ask(server.origin, REQUEST, limits()) == Answer(status, location, body)
        assert server.connections == 1


@pytest.mark.parametrize(
    ("answer", "hangs_up"),
    [
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiHTTP/1.1 204 No Content\r\n\r\n", False),
        (b"HTTP/1.0 200 OK\r\n\r\nhi", True),
    ],
    ids=["close", "an answer too many", "until the end"],
)
async def test_a_connection_that_has_served_its_time_is_not_used_again(
    pool: Pool, answer: bytes, hangs_up: bool
) -> None:
    async with listening(Server(answer, hangs_up)) as server:
        for _ in range(2):
            assert await pool.ask(server.origin, REQUEST, limits()) == Answer(200, None, b"hi")
        assert server.connections == 2


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (b"", Disconnected),
        (b"HTTP/1.1 200 OK\r\nContent-Le", Disconnected),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi", Disconnected),
        (b"HTTP/1.1 100 Continue\r\n\r\n", Disconnected),
        (b"SSH-2.0-server\r\n", BadAnswer),
        (b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n\x00", BadAnswer),
    ],
)
async def test_an_answer_that_does_not_come_whole_fails_the_request(
    pool: Pool, answer: bytes, failure: type[WebhookFailed]
) -> None:
    """What is cut off must not pass for an answer, nor be sent a second time."""
    async with listening(Server(answer, hangs_up=True)) as server:
        with pytest.raises(failure):
            await pool.ask(server.origin, REQUEST, limits())
        assert len(server.requests) == 1


async def test_the_other_side_may_go_while_a_connection_is_idle(pool: Pool) -> None:
    async with listening(Server(hangs_up=True)) as server:
        await pool.ask(server.origin, REQUEST, limits())
        await until(lambda: not pool._idle[server.origin])
        await pool.ask(server.origin, REQUEST, limits())
        assert server.connections == 2


@pytest.mark.parametrize("short", [{"read": 0.05}, {"total": 0.05}])
async def test_a_request_ends_with_whichever_limit_comes_first(pool: Pool, short: dict[str, float]) -> None:
    async with listening(Server()) as server:
        await pool.ask(server.origin, REQUEST, limits())
        server.mute = True
        with pytest.raises(TimedOut):
            await pool.ask(server.origin, REQUEST, limits(**short))


async def test_a_body_that_takes_too_long_ends_with_the_total_limit(pool: Pool) -> None:
    async with listening(Server()) as server:
        await pool.ask(server.origin, REQUEST, limits())
        with pytest.raises(TimedOut):
            await pool.ask(server.origin, Request(REQUEST.head, BODY, slow_seconds=30.0), limits(total=0.05))
        assert len(server.requests) == 1


async def test_no_more_than_the_most_are_asked_at_once_and_the_rest_wait_within_their_limits(pool: Pool) -> None:
    async with listening(Server(mute=True)) as server:
        asked = [asyncio.ensure_future(pool.ask(server.origin, REQUEST, limits())) for _ in range(MOST)]
        await until(lambda: len(server.requests) == MOST)
        with pytest.raises(TimedOut):
            await pool.ask(server.origin, REQUEST, limits(total=0.05))
        server.let_go.set()
        await asyncio.gather(*asked)
        await pool.ask(server.origin, REQUEST, limits())
        assert (server.connections, len(server.requests)) == (MOST, MOST + 1)


async def test_who_is_cancelled_leaves_no_connection_behind(pool: Pool) -> None:
    async with listening(Server(mute=True)) as server:
        asked = asyncio.ensure_future(pool.ask(server.origin, REQUEST, limits()))
        await until(lambda: server.requests)
        asked.cancel()
        await asyncio.wait([asked])
        server.let_go.set()
        await pool.ask(server.origin, REQUEST, limits())
        assert server.connections == 2


async def test_nobody_there_is_a_failure_to_connect(pool: Pool) -> None:
    async with listening(Server()) as server:
        pass
    with pytest.raises(ConnectFailed):
        await pool.ask(server.origin, REQUEST, limits())


async def test_a_connection_that_does_not_come_about_in_time_is_told_apart(pool: Pool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        origin = Origin(secure=False, host="127.0.0.1", port=listener.getsockname()[1])
        with pytest.raises(ConnectTimedOut):
            await pool.ask(origin, REQUEST, limits(total=-1.0))


async def test_a_request_over_a_connection_that_was_lost_fails_on_the_loop_of_the_process() -> None:
    """No end of that connection comes any more: whoever wrote to it would wait for its answer to the limit."""

    async def slam(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    async def ask_too_late() -> None:
        listener = await asyncio.start_server(slam, "127.0.0.1", 0)
        lost = asyncio.Event()
        _, connection = await asyncio.get_running_loop().create_connection(
            lambda: Connection(lambda _connection: lost.set()), *listener.sockets[0].getsockname()
        )
        await lost.wait()
        with pytest.raises(Disconnected):
            await connection.ask(REQUEST, limits())
        listener.close()

    await asyncio.to_thread(uvloop.run, ask_too_late())
