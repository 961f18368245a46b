"""One system for all trials of this folder."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from stack.brokers import BrokerServer
from stack.databases import DatabaseServer
from tests.crashpoints.fixtures import standing_trial
from tests.crashpoints.tally import Tally
from tests.crashpoints.trial import Trial


@pytest.fixture(scope="module")
async def trial(
    postgres_server: DatabaseServer, rabbitmq_server: BrokerServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Trial]:
    """Campaigns under faults."""
    async with standing_trial(postgres_server, rabbitmq_server, tmp_path_factory.mktemp("trials"), Tally()) as made:
        yield made
