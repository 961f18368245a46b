"""The standing system of a module's trials."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from stack.brokers import BrokerServer
from stack.databases import DatabaseServer
from stack.system import Stack
from tests.crashpoints.rig import SETTINGS, Rig
from tests.crashpoints.tally import Tally
from tests.crashpoints.trial import Trial


@asynccontextmanager
async def standing_trial(
    postgres: DatabaseServer, rabbitmq: BrokerServer, folder: Path, tally: Tally
) -> AsyncIterator[Trial]:
    """A system with nothing but the simulator running: each campaign starts the services that it needs."""
    database = await postgres.new_database()
    amqp_url = await rabbitmq.new_vhost(emptied=True)
    stack = Stack(["simulator"], SETTINGS, name="crash-points", database_url=database.url, amqp_url=amqp_url)
    try:
        async with stack:
            yield Trial(Rig(stack), folder, tally)
    finally:
        await rabbitmq.drop_vhost(amqp_url)
        await postgres.drop(database)
