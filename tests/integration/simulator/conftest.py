from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from simulator.app import running
from tests.integration.simulator.openapi import missing
from tests.integration.simulator.rig import Client, Webhooks, settings

Simulate = Callable[..., AbstractAsyncContextManager[Client]]


@pytest.fixture
async def webhooks() -> AsyncIterator[Webhooks]:
    hooks = Webhooks()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", hooks.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    hooks.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield hooks
    await runner.cleanup()


@pytest.fixture
def simulate() -> Simulate:
    """Starts simulators with settings of the test's own."""

    @asynccontextmanager
    async def start(**changes: Any) -> AsyncIterator[Client]:
        async with running(settings(**changes)) as simulator, aiohttp.ClientSession() as http:
            yield Client(simulator.url, http)

    return start


@pytest.fixture
async def client(simulate: Simulate) -> AsyncIterator[Client]:
    """A client of a quick simulator."""
    async with simulate() as one:
        yield one


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say loudly when answers were checked against our own list of fields only."""
    if notice := missing():
        terminalreporter.write_line(notice, yellow=True, bold=True)
