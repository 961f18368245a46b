"""A create that was given up dies at once: no kernel delivers the rest of it, or repeats it, later."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from shared.errors import Ambiguous
from shared.telephony.http import ProviderHttp
from shared.telephony.sockets import AddressInfo, socket_factory
from tests.integration.telephony.parts import ACCEPTED, REQUEST, certificate, create
from tests.integration.telephony.stub import Stub, answers, drips, hangs, in_turn


@dataclass
class Relay:
    """Passes bytes to and fro, so that what TLS makes of an ending cannot hide how the connection ended."""

    port: int
    url: str = ""
    endings: list[str] = field(default_factory=list)

    async def pass_on(self, near: asyncio.StreamReader, near_writer: asyncio.StreamWriter) -> None:
        far, far_writer = await asyncio.open_connection("127.0.0.1", self.port)
        back = asyncio.create_task(self.copy(far, near_writer, []))
        await self.copy(near, far_writer, self.endings)
        back.cancel()
        for writer in (near_writer, far_writer):
            writer.transport.abort()

    async def copy(self, source: asyncio.StreamReader, to: asyncio.StreamWriter, endings: list[str]) -> None:
        try:
            while piece := await source.read(65536):
                to.write(piece)
        except ConnectionResetError:
            endings.append("reset")
        else:
            endings.append("fin")


@pytest.fixture(params=["http", "https"])
async def provider(
    request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[tuple[Stub, Relay, ssl.SSLContext | None]]:
    """A provider that hangs, behind a relay."""
    server, client = certificate(tmp_path) if request.param == "https" else (None, None)
    async with Stub(hangs, tls=server) as stub:
        relay = Relay(stub.port)
        async with await asyncio.start_server(relay.pass_on, "127.0.0.1", 0) as listening:
            relay.url = f"{request.param}://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
            yield stub, relay, client


async def test_a_cancelled_create_is_reset(provider: tuple[Stub, Relay, ssl.SSLContext | None]) -> None:
    stub, relay, tls = provider
    async with ProviderHttp(relay.url, tls=tls) as http:
        dialling = asyncio.create_task(create(http))
        await stub.until(lambda: len(stub.requests) == 1)
        dialling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await dialling
        await stub.until(lambda: bool(relay.endings))
    assert relay.endings == ["reset"]


async def test_closing_the_client_resets_a_create_under_way(
    provider: tuple[Stub, Relay, ssl.SSLContext | None],
) -> None:
    stub, relay, tls = provider
    async with ProviderHttp(relay.url, tls=tls) as http:
        dialling = asyncio.create_task(create(http))
        await stub.until(lambda: len(stub.requests) == 1)
    with pytest.raises(Ambiguous):
        await dialling
    await stub.until(lambda: bool(relay.endings))
    assert relay.endings == ["reset"]


async def test_a_create_without_an_answer_in_time_is_reset() -> None:
    async with Stub(hangs) as stub, ProviderHttp(stub.url, dial_timeout=0.3) as http:
        with pytest.raises(Ambiguous):
            await create(http)
        await stub.until(lambda: bool(stub.endings))
        assert stub.endings == ["reset"]


async def test_a_create_cancelled_in_the_middle_of_its_answer_is_reset() -> None:
    """The dripping server learns of the end only when it writes, so it may see either error of a reset."""
    async with Stub(drips) as stub, ProviderHttp(stub.url) as http:
        dialling = asyncio.create_task(create(http))
        await stub.until(lambda: len(stub.requests) == 1)
        dialling.cancel()
        await asyncio.wait([dialling])
        await stub.until(lambda: bool(stub.endings))
        assert stub.endings == ["reset"]


async def test_a_create_that_was_answered_keeps_its_connection() -> None:
    async with Stub(in_turn(answers(201, ACCEPTED), answers(201, ACCEPTED))) as stub:
        async with ProviderHttp(stub.url) as http:
            await create(http)
            await create(http)
            assert stub.endings == []
        assert stub.connections == 1


async def test_every_socket_to_the_provider_gives_up_unacknowledged_bytes_and_resets_on_close(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[socket.socket] = []

    def recording(seconds: float) -> Callable[[AddressInfo], socket.socket]:
        make = socket_factory(seconds)

        def record(address: AddressInfo) -> socket.socket:
            made.append(make(address))
            return made[-1]

        return record

    monkeypatch.setattr("shared.telephony.http.socket_factory", recording)
    async with Stub(answers(201, ACCEPTED)) as stub, ProviderHttp(stub.url, dial_timeout=7.5) as http:
        await create(http)
        (connection,) = made
        assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 7500
        assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8) == bytes([1, 0, 0, 0, 0, 0, 0, 0])


async def test_the_kernel_of_a_killed_process_does_not_deliver_the_rest_of_its_create(tmp_path: Path) -> None:
    """The server reads nothing until the process is dead; the create is too long for the buffers between them.

    Breaks: the create of a dead dispatcher arrives after its row was settled, and somebody is rung twice.
    """
    length = 3_000_000
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        script = tmp_path / "dial.py"
        script.write_text(DIALS.format(port=listener.getsockname()[1], length=length, voice=REQUEST.voice_url))
        dialler = await asyncio.create_subprocess_exec(
            sys.executable, str(script), env={**os.environ, "PYTHONPATH": os.getcwd()}
        )
        try:
            listener.settimeout(30)
            taken, _ = await asyncio.to_thread(listener.accept)
            await asyncio.to_thread(taken.recv, 1, socket.MSG_PEEK)
        finally:
            dialler.send_signal(signal.SIGKILL)
            await dialler.wait()
    with taken:
        taken.settimeout(30)
        got, ending = await asyncio.to_thread(read_all, taken)
    assert ending == "reset"
    assert 0 < got < length


DIALS = """
import asyncio
from dataclasses import replace
from shared.telephony import boottime
from shared.telephony.create import create_call
from shared.telephony.http import ProviderHttp
from tests.integration.telephony.parts import CREDENTIALS, REQUEST

async def main():
    async with ProviderHttp("http://127.0.0.1:{port}") as http:
        long = replace(REQUEST, voice_url="{voice}" + "x" * {length})
        await create_call(http, CREDENTIALS, long, send_before=boottime.now() + 60)

asyncio.run(main())
"""


def read_all(connection: socket.socket) -> tuple[int, str]:
    got = 0
    while True:
        try:
            piece = connection.recv(65536)
        except ConnectionResetError:
            return got, "reset"
        if not piece:
            return got, "fin"
        got += len(piece)
