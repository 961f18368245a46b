"""Servers and places to work in, for every test that asks; a test that asks for nothing starts nothing.

PostgreSQL and RabbitMQ start once per run, at the first use: ours, or those of DATABASE_URL and AMQP_URL. Each
test gets a database and a virtual host of its own. What is missing fails the run, it never skips a test.
"""

import os
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack
from typing import Protocol

import pytest

from stack.brokers import BrokerServer
from stack.databases import Database, DatabaseServer
from stack.environment import Settings
from stack.ports import free_port
from stack.rundir import RunDir
from stack.system import ALL_SERVICES, Stack


@pytest.fixture(scope="session")
def run_dir() -> Iterator[RunDir]:
    """The run's folder under `.run`; the servers' logs stay in it."""
    run = RunDir("tests")
    yield run
    run.release()


@pytest.fixture
def unused_tcp_port() -> int:
    """A port out of a block that no other process has: pytest-asyncio's own may be taken by another before its use."""
    return free_port()


@pytest.fixture(scope="session")
async def postgres_server(run_dir: RunDir) -> AsyncIterator[DatabaseServer]:
    server = await DatabaseServer.open(run_dir, os.environ.get("DATABASE_URL"))
    yield server
    await server.close()


@pytest.fixture(scope="session")
async def rabbitmq_server(run_dir: RunDir) -> AsyncIterator[BrokerServer]:
    server = await BrokerServer.open(run_dir, os.environ.get("AMQP_URL"))
    yield server
    await server.close()


@pytest.fixture
async def database(postgres_server: DatabaseServer) -> AsyncIterator[Database]:
    """A database of the test's own with the newest schema, owned by a role that is no superuser."""
    fresh = await postgres_server.new_database()
    yield fresh
    await postgres_server.drop(fresh)


@pytest.fixture
def database_url(database: Database) -> str:
    """The test's database as its ordinary owner reaches it."""
    return database.url


@pytest.fixture
def superuser_url(database: Database) -> str:
    """The same database as `database_url`, past every policy."""
    return database.superuser_url


@pytest.fixture
async def empty_database_url(postgres_server: DatabaseServer) -> AsyncIterator[str]:
    """A database without any table, as its ordinary owner reaches it."""
    fresh = await postgres_server.new_database(migrated=False)
    yield fresh.url
    await postgres_server.drop(fresh)


@pytest.fixture
async def amqp_url(rabbitmq_server: BrokerServer) -> AsyncIterator[str]:
    """A virtual host of the test's own."""
    url = await rabbitmq_server.new_vhost(emptied=True)
    yield url
    await rabbitmq_server.drop_vhost(url)


class MakeStack(Protocol):
    """Starts a system for one test, on the run's servers, or on its own that may be killed."""

    async def __call__(
        self,
        services: Sequence[str] = ALL_SERVICES,
        settings: Settings | None = None,
        *,
        own_servers: bool = False,
    ) -> Stack: ...


@pytest.fixture
async def make_stack(
    request: pytest.FixtureRequest, postgres_server: DatabaseServer, rabbitmq_server: BrokerServer
) -> AsyncIterator[MakeStack]:
    """A function that starts systems; all of them have ended when the test has."""
    async with AsyncExitStack() as started:

        async def make(
            services: Sequence[str] = ALL_SERVICES,
            settings: Settings | None = None,
            *,
            own_servers: bool = False,
        ) -> Stack:
            database_url = amqp_url = None
            if not own_servers:
                database = await postgres_server.new_database()
                started.push_async_callback(postgres_server.drop, database)
                amqp_url = await rabbitmq_server.new_vhost(emptied=True)
                started.push_async_callback(rabbitmq_server.drop_vhost, amqp_url)
                database_url = database.url
            system = Stack(services, settings, name=_folder(request), database_url=database_url, amqp_url=amqp_url)
            return await started.enter_async_context(system)

        yield make


@pytest.fixture
async def stack(make_stack: MakeStack) -> Stack:
    """The whole system for one test: four services and the simulator."""
    return await make_stack()


def _folder(request: pytest.FixtureRequest) -> str:
    """The test's name as a folder's, so that its logs can be found afterwards."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", request.node.name)[:80].strip("-")
