"""A dispatcher as a live process, with the provider's stand-in and nothing else that could do its work."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from typing import Protocol

import asyncpg
import pytest

from shared.broker import Publisher
from stack.brokers import BrokerServer
from stack.databases import DatabaseServer
from stack.environment import Settings
from stack.system import Stack
from tests.conftest import MakeStack
from tests.integration.dispatcher import fleet as fleets
from tests.integration.dispatcher.rig import QUICK, Rig


class MakeRig(Protocol):
    """Starts a system for one test."""

    async def __call__(
        self,
        settings: Settings | None = None,
        *,
        services: Sequence[str] = ("simulator", "dispatcher"),
        own_servers: bool = False,
    ) -> Rig: ...


@pytest.fixture
async def make_rig(make_stack: MakeStack) -> AsyncIterator[MakeRig]:
    """A function that starts rigs."""
    async with AsyncExitStack() as opened:

        async def make(
            settings: Settings | None = None,
            *,
            services: Sequence[str] = ("simulator", "dispatcher"),
            own_servers: bool = False,
        ) -> Rig:
            stack = await make_stack(services, {**QUICK, **(settings or {})}, own_servers=own_servers)
            return await _rig(stack, opened)

        yield make


@pytest.fixture
async def rig(make_rig: MakeRig) -> Rig:
    """One dispatcher that beats twice a second, and a provider."""
    return await make_rig()


@pytest.fixture
async def fleet(make_stack: MakeStack) -> AsyncIterator[fleets.Fleet]:
    """A system in which nothing runs yet."""
    async with AsyncExitStack() as opened:
        stack = await make_stack((), fleets.SETTINGS)
        pool = await opened.enter_async_context(asyncpg.create_pool(stack.database_url, min_size=1, max_size=2))
        yield fleets.Fleet(stack, pool)


@pytest.fixture(scope="module")
async def shared_rig(postgres_server: DatabaseServer, rabbitmq_server: BrokerServer) -> AsyncIterator[Rig]:
    """One rig for the tests of a file that leave it as they found it; `rig.forgive()` sees to the account."""
    database = await postgres_server.new_database()
    amqp_url = await rabbitmq_server.new_vhost(emptied=True)
    services = ("simulator", "dispatcher")
    async with AsyncExitStack() as opened:
        system = Stack(services, QUICK, database_url=database.url, amqp_url=amqp_url, name="dispatcher-rig")
        stack = await opened.enter_async_context(system)
        yield await _rig(stack, opened)
    await rabbitmq_server.drop_vhost(amqp_url)
    await postgres_server.drop(database)


async def _rig(stack: Stack, opened: AsyncExitStack) -> Rig:
    pool = await opened.enter_async_context(asyncpg.create_pool(stack.database_url, min_size=1, max_size=4))
    publisher = Publisher(stack.amqp_url, "test", on_death=pytest.fail)
    await publisher.start()
    opened.push_async_callback(publisher.stop)
    return Rig(stack, pool, publisher)
