"""Connections to a migrated database, and campaigns in it."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from tests.integration.campaigns import Campaigns, campaigns_in


@pytest.fixture
async def campaigns(database_url: str) -> AsyncIterator[Campaigns]:
    """Campaigns in a database of the test's own, as its owner makes them."""
    async with campaigns_in(database_url) as made:
        yield made


@pytest.fixture
async def connection(campaigns: Campaigns) -> asyncpg.Connection:
    """The campaigns' connection."""
    return campaigns.connection
