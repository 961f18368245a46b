"""The systems for the trials of this folder."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from stack.brokers import BrokerServer
from stack.databases import DatabaseServer
from tests.crashpoints.fixtures import standing_trial
from tests.crashpoints.tally import Tally
from tests.crashpoints.trial import Trial


@pytest.fixture
async def trials(
    postgres_server: DatabaseServer, rabbitmq_server: BrokerServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Trial, Trial]]:
    """Two systems for campaigns under faults, which know nothing of one another."""
    folders = [tmp_path_factory.mktemp("trials") for _ in range(2)]
    async with (
        standing_trial(postgres_server, rabbitmq_server, folders[0], Tally()) as one,
        standing_trial(postgres_server, rabbitmq_server, folders[1], Tally()) as other,
    ):
        yield one, other
