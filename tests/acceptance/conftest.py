"""The whole system, started once for every acceptance test that can share it, and a business for each test."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from stack.brokers import BrokerServer
from stack.client import Client
from stack.databases import DatabaseServer
from stack.system import Stack

QUICK = {"CALLS_PER_SECOND": "200", "SIM_CPS": "200", "SIM_TIME_SCALE": "30"}


@pytest.fixture(scope="session")
async def shared_stack(postgres_server: DatabaseServer, rabbitmq_server: BrokerServer) -> AsyncIterator[Stack]:
    """Four services and a simulator that is thirty times as fast as life; a test must leave it as it was."""
    database = await postgres_server.new_database()
    amqp_url = await rabbitmq_server.new_vhost(emptied=True)
    async with Stack(settings=QUICK, database_url=database.url, amqp_url=amqp_url, name="shared-stack") as system:
        yield system
    await rabbitmq_server.drop_vhost(amqp_url)
    await postgres_server.drop(database)


@dataclass(frozen=True)
class Business:
    """A business of the test's own, and its admin."""

    id: int
    client: Client


@pytest.fixture
async def business(shared_stack: Stack, request: pytest.FixtureRequest) -> Business:
    """A business in the shared system: 3 calls at once, 200 a second."""
    platform = shared_stack.client("platform_admin")
    business_id = await platform.create_business(request.node.name[:100], max_concurrent_calls=3, calls_per_second=200)
    return Business(business_id, shared_stack.client("admin", business_id))
