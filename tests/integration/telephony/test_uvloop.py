"""The services run on uvloop, whose transports are not asyncio's: what a create rests on holds there as well."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Coroutine
from pathlib import Path

import pytest
import uvloop

from shared.errors import Ambiguous, DeadlinePassed
from shared.telephony.http import ProviderHttp
from tests.integration.telephony.parts import ACCEPTED, SID, certificate, create
from tests.integration.telephony.stub import Stub, answers, hangs
from tests.integration.telephony.test_deadline import freeze_before_writing


@pytest.fixture(params=["http", "https"])
def contexts(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[ssl.SSLContext | None, ssl.SSLContext | None]:
    """The server's and the client's."""
    return certificate(tmp_path) if request.param == "https" else (None, None)


async def on_uvloop(scenario: Coroutine[None, None, None]) -> None:
    async def checked() -> None:
        assert isinstance(asyncio.get_running_loop(), uvloop.Loop)
        await scenario

    await asyncio.to_thread(uvloop.run, checked())


async def test_a_create_is_accepted_and_one_past_its_deadline_sends_no_byte(
    contexts: tuple[ssl.SSLContext | None, ssl.SSLContext | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, client = contexts

    async def scenario() -> None:
        async with Stub(answers(201, ACCEPTED), tls=server) as stub, ProviderHttp(stub.url, tls=client) as http:
            assert (await create(http)).call_sid == SID
            before = stub.received
            freeze_before_writing(monkeypatch, seconds=60)
            with pytest.raises(DeadlinePassed):
                await create(http, within=30)
            await stub.until(lambda: len(stub.endings) == 1)
            assert stub.received == before

    await on_uvloop(scenario())


async def test_a_create_that_is_given_up_is_reset() -> None:
    async def scenario() -> None:
        async with Stub(hangs) as stub, ProviderHttp(stub.url) as http:
            dialling = asyncio.create_task(create(http))
            await stub.until(lambda: len(stub.requests) == 1)
            dialling.cancel()
            await asyncio.wait([dialling])
            await stub.until(lambda: stub.endings == ["reset"])

    await on_uvloop(scenario())


async def test_closing_the_client_resets_a_create_under_way() -> None:
    async def scenario() -> None:
        async with Stub(hangs) as stub:
            async with ProviderHttp(stub.url) as http:
                dialling = asyncio.create_task(create(http))
                await stub.until(lambda: len(stub.requests) == 1)
            with pytest.raises(Ambiguous):
                await dialling
            await stub.until(lambda: stub.endings == ["reset"])

    await on_uvloop(scenario())


async def test_a_hundred_creates_at_once_are_a_hundred_posts() -> None:
    async def scenario() -> None:
        async with Stub(answers(201, ACCEPTED)) as stub, ProviderHttp(stub.url) as http:
            await asyncio.gather(*(create(http) for _ in range(100)))
            assert len(stub.requests) == 100

    await on_uvloop(scenario())
