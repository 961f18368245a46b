"""A session is replaced at the first trouble, and silence is told from death."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from structlog.testing import capture_logs

from shared import link
from shared.errors import BrokerAway
from shared.health import Health
from shared.link import Link


class FakeSession:
    def __init__(self) -> None:
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.answers = asyncio.Event()
        self.answers.set()
        self.refuses: Exception | None = None
        self.probes = 0
        self.closed = 0

    def end(self, reason: str) -> None:
        if not self.ended.done():
            self.ended.set_result(reason)

    async def probe(self) -> None:
        self.probes += 1
        await self.answers.wait()
        if self.refuses is not None:
            raise self.refuses

    async def close(self) -> None:
        self.closed += 1


class Server:
    """Opens sessions, or refuses to."""

    def __init__(self) -> None:
        self.sessions: list[FakeSession] = []
        self.away = False
        self.refused = 0

    async def begin(self) -> FakeSession:
        if self.away:
            self.refused += 1
            raise ConnectionRefusedError("nobody listens")
        self.sessions.append(FakeSession())
        return self.sessions[-1]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "RETRY_SECONDS", 0.01)
    monkeypatch.setattr(link, "PROBE_EVERY", 0.05)
    monkeypatch.setattr(link, "PROBE_TIMEOUT", 0.05)


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(120):
        while not holds():  # noqa: ASYNC110 - what is watched sets no event
            await asyncio.sleep(0.005)


async def test_an_ended_session_is_closed_replaced_and_never_handed_out_again() -> None:
    server = Server()
    tested = Link("test", server.begin)
    tested.start()
    first = await tested.session()
    first.end("trouble")
    second = await tested.session()
    assert second is not first
    assert first.closed == 1
    await tested.stop()
    assert second.closed == 1


async def test_a_session_that_does_not_answer_is_down_and_up_again_with_its_answer() -> None:
    server, health = Server(), Health(["broker"])
    tested = Link("test", server.begin, health)
    tested.start()
    session = await tested.session()
    session.answers.clear()
    await until(lambda: not health.up("broker"))
    asked = session.probes
    session.answers.set()
    await until(lambda: health.up("broker"))
    assert session.probes == asked, "the late answer itself is the proof"
    assert len(server.sessions) == 1
    await tested.stop()


async def test_a_silent_session_whose_connection_is_cut_is_replaced() -> None:
    server = Server()
    tested = Link("test", server.begin)
    tested.start()
    session = await tested.session()
    session.answers.clear()
    await until(lambda: session.probes)
    session.end("cut by the heartbeats")
    assert await tested.session() is not session
    await tested.stop()


async def test_the_broker_is_away_only_once_that_is_known() -> None:
    server = Server()
    tested = Link("test", server.begin)
    assert not tested.is_away
    server.away = True
    tested.start()
    assert not tested.is_away
    await until(lambda: tested.is_away)
    server.away = False
    await tested.session()
    assert not tested.is_away
    await tested.stop()


@pytest.mark.parametrize("refusal", [RuntimeError("no such queue"), BrokerAway("gone")])
async def test_a_session_that_answers_no_is_replaced(refusal: Exception) -> None:
    server = Server()
    tested = Link("test", server.begin)
    tested.start()
    session = await tested.session()
    session.refuses = refusal
    await until(lambda: len(server.sessions) == 2)
    assert session.closed == 1
    await tested.stop()


async def test_doubt_brings_the_next_probe_forward(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "PROBE_EVERY", 3600)
    server = Server()
    tested = Link("test", server.begin)
    tested.start()
    session = await tested.session()
    tested.doubt()
    await until(lambda: session.probes == 1)
    await tested.stop()


async def test_many_failures_are_one_line_and_so_is_their_end() -> None:
    server = Server()
    server.away = True
    tested = Link("test", server.begin)
    with capture_logs() as lines:
        tested.start()
        await until(lambda: server.refused > 5)
        server.away = False
        await tested.session()
        await until(lambda: len(lines) == 2)
        await tested.stop()
    assert [line["event"] for line in lines] == ["BROKER_AWAY", "BROKER_UP"]
    assert lines[0]["reason"] == "ConnectionRefusedError: nobody listens"


async def test_it_stops_while_the_broker_is_away_and_starts_again() -> None:
    server = Server()
    server.away = True
    tested = Link("test", server.begin)
    tested.start()
    await until(lambda: server.refused)
    await asyncio.wait_for(tested.stop(), 60)
    refused, server.away = server.refused, False
    tested.start()
    assert await tested.session() is server.sessions[0]
    assert server.refused == refused
    await tested.stop()


async def test_an_attempt_to_connect_is_not_cut_short_by_a_stop() -> None:
    """A cancelled attempt would leave a connection open that nobody knows of."""
    server, reached, go_on = Server(), asyncio.Event(), asyncio.Event()

    async def slow() -> FakeSession:
        reached.set()
        await go_on.wait()
        return await server.begin()

    tested = Link("test", slow)
    tested.start()
    await reached.wait()
    stopping = asyncio.create_task(tested.stop())
    await asyncio.sleep(0.02)
    go_on.set()
    await asyncio.wait_for(stopping, 60)
    assert [session.closed for session in server.sessions] == [1]
