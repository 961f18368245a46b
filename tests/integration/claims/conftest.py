"""Campaigns in a database of the test's own, and as many sessions on it as a test needs."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import TypeAlias

import asyncpg
import pytest

from tests.integration.campaigns import Campaigns, campaigns_in

Crew: TypeAlias = Callable[[int], Awaitable[list[Campaigns]]]


@pytest.fixture
async def campaigns(database_url: str) -> AsyncIterator[Campaigns]:
    """Campaigns on a shared account that may dial as fast as it likes."""
    async with campaigns_in(database_url) as made:
        await made.account(shared=True)
        await made.claim()  # takes the lease
        yield made


@pytest.fixture
async def connection(campaigns: Campaigns) -> asyncpg.Connection:
    return campaigns.connection


@pytest.fixture
async def crew(database_url: str, campaigns: Campaigns) -> AsyncIterator[Crew]:
    """Opens sessions that claim and record under the one lease."""
    async with AsyncExitStack() as opened:

        async def open_sessions(count: int) -> list[Campaigns]:
            sessions = [await opened.enter_async_context(campaigns_in(database_url)) for _ in range(count)]
            for session in sessions:
                session.epoch = campaigns.epoch
            return sessions

        yield open_sessions
