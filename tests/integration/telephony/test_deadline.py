"""The deadline, kept at the connection: what the server sees decides, not what the client says."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from shared.errors import DeadlinePassed, NotSent
from shared.telephony import boottime
from shared.telephony.gate import Gate
from shared.telephony.http import ProviderHttp
from tests.integration.telephony.parts import ACCEPTED, SID, certificate, create
from tests.integration.telephony.stub import Stub, answers

WITHIN = 0.3


@pytest.fixture(params=["new", "kept"])
def kept(request: pytest.FixtureRequest) -> bool:
    """Whether the create finds a connection that was kept from an earlier one."""
    return bool(request.param == "kept")


@pytest.fixture(params=["http", "https"])
def secure(request: pytest.FixtureRequest) -> bool:
    return bool(request.param == "https")


async def test_a_process_frozen_with_its_connection_ready_sends_no_byte(
    tmp_path: Path, kept: bool, secure: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Breaks: a dispatcher that wakes after its row was settled rings somebody a second time."""
    server, client = certificate(tmp_path) if secure else (None, None)
    async with Stub(answers(201, ACCEPTED), tls=server) as stub, ProviderHttp(stub.url, tls=client) as http:
        if kept:
            await create(http)
        before = stub.received
        with monkeypatch.context() as patch:
            freeze_before_writing(patch, seconds=60)
            with pytest.raises(DeadlinePassed):
                await create(http, within=30)
        await stub.until(lambda: len(stub.endings) == 1)
        assert (stub.connections, stub.received) == (1, before)
        assert (await create(http)).call_sid == SID


def freeze_before_writing(patch: pytest.MonkeyPatch, seconds: float) -> None:
    """Lets the clock jump between the last thing that aiohttp does before the body and the body."""
    write_bytes: Callable[..., Awaitable[None]] = aiohttp.ClientRequest.write_bytes
    now = boottime.now

    async def frozen(*args: object) -> None:
        patch.setattr(boottime, "now", lambda: now() + seconds)
        await write_bytes(*args)

    patch.setattr(aiohttp.ClientRequest, "write_bytes", frozen)


async def test_a_process_that_really_sleeps_past_its_deadline_sends_no_byte(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_bytes: Callable[..., Awaitable[None]] = aiohttp.ClientRequest.write_bytes

    async def frozen(*args: object) -> None:
        time.sleep(WITHIN)  # noqa: ASYNC251 - the freeze is the point
        await write_bytes(*args)

    monkeypatch.setattr(aiohttp.ClientRequest, "write_bytes", frozen)
    async with Stub(answers(201, ACCEPTED)) as stub, ProviderHttp(stub.url) as http:
        with pytest.raises(DeadlinePassed):
            await create(http, within=WITHIN)
        assert stub.received == 0


async def test_a_deadline_that_has_passed_opens_no_connection() -> None:
    async with Stub(answers(201, ACCEPTED)) as stub, ProviderHttp(stub.url) as http:
        with pytest.raises(DeadlinePassed):
            await create(http, within=0.0)
        assert (stub.connections, stub.received) == (0, 0)


async def test_the_deadline_ends_the_wait_for_a_slow_connection() -> None:
    """The server takes the connection up only after the deadline; it gets nothing then."""
    with full_listener() as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        async with ProviderHttp(url, connect_timeout=600) as http, asyncio.timeout(60):
            with pytest.raises(DeadlinePassed):
                await create(http, within=WITHIN)
        assert received_by(listener) == b""


async def test_a_connection_that_is_not_made_in_time_is_not_sent() -> None:
    with full_listener() as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        async with ProviderHttp(url, connect_timeout=0.2) as http:
            with pytest.raises(NotSent) as caught:
                await create(http, within=60.0)
            assert not isinstance(caught.value, DeadlinePassed)
        assert received_by(listener) == b""


async def test_waiting_for_a_free_connection_ends_at_the_deadline() -> None:
    async def slowly(stub: Stub, seen: object, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(30)

    async with Stub(slowly) as stub, ProviderHttp(stub.url, limit=1) as http:
        first = asyncio.create_task(create(http))
        await stub.until(lambda: len(stub.requests) == 1)
        with pytest.raises(DeadlinePassed):
            await create(http, within=WITHIN)
        assert len(stub.requests) == 1
        first.cancel()
        await asyncio.wait([first])


@pytest.mark.parametrize("left", [0.0, -1.0, -1e9])
async def test_the_gate_stays_closed_at_and_after_its_time(left: float) -> None:
    gate = Gate(boottime.now() + left)
    async with connected() as (ours, _):
        with pytest.raises(DeadlinePassed):
            gate.open(ours.transport)
    assert not gate.opened


async def test_the_gate_opens_once() -> None:
    gate = Gate(boottime.now() + 60)
    async with connected() as (ours, _):
        gate.open(ours.transport)
        with pytest.raises(NotSent):
            gate.open(ours.transport)
    assert gate.opened


async def test_the_gate_never_opens_after_it_was_shut() -> None:
    gate = Gate(boottime.now() + 60)
    gate.shut()
    async with connected() as (ours, _):
        with pytest.raises(NotSent):
            gate.open(ours.transport)
    assert not gate.opened


@pytest.mark.parametrize("answered", [True, False])
async def test_a_gate_that_shuts_ends_the_connection_unless_the_answer_is_whole(answered: bool) -> None:
    gate = Gate(boottime.now() + 60)
    async with connected() as (ours, _):
        gate.open(ours.transport)
        if answered:
            gate.answered()
        gate.shut()
        assert ours.transport.is_closing() is not answered


async def test_a_gate_does_not_open_on_a_connection_that_is_closing() -> None:
    gate = Gate(boottime.now() + 60)
    async with connected() as (ours, _):
        ours.transport.abort()
        with pytest.raises(NotSent):
            gate.open(ours.transport)
    with pytest.raises(NotSent):
        gate.open(None)
    assert not gate.opened


def test_the_deadlines_clock_goes_on_while_the_machine_sleeps() -> None:
    assert abs(boottime.now() - time.clock_gettime(time.CLOCK_BOOTTIME)) < 5


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[asyncio.StreamWriter, asyncio.StreamWriter]]:
    """Both ends of a connection."""
    ours, theirs = socket.socketpair()
    _, one = await asyncio.open_connection(sock=ours)
    _, other = await asyncio.open_connection(sock=theirs)
    yield one, other
    for writer in (one, other):
        writer.transport.abort()
    await asyncio.gather(one.wait_closed(), other.wait_closed(), return_exceptions=True)


class full_listener:
    """A listener that takes up no connection: its backlog is full, so the kernel leaves further ones waiting."""

    def __enter__(self) -> socket.socket:
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=0)
        self.fillers = []
        for _ in range(3):
            filler = socket.socket()
            filler.settimeout(0)
            filler.connect_ex(self.listener.getsockname())
            self.fillers.append(filler)
        return self.listener

    def __exit__(self, *_: object) -> None:
        for one in (*self.fillers, self.listener):
            one.close()


def received_by(listener: socket.socket) -> bytes:
    """All that came on any connection that the listener holds."""
    listener.settimeout(0.5)
    got = b""
    while True:
        try:
            taken, _ = listener.accept()
        except TimeoutError:
            return got
        with taken:
            taken.settimeout(0)
            try:
                got += taken.recv(65536)
            except (BlockingIOError, ConnectionError):
                continue
