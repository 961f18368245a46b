"""A desk for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from services.webhook import routes
from tests.integration.patience import patient_database, usual_limits
from tests.integration.webhook.desk import Desk, open_desk

__all__ = ["patient_database", "usual_limits"]


@pytest.fixture(scope="package", autouse=True)
def patient_provider() -> Iterator[None]:
    """The provider waits for an answer as long as a slow machine needs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(routes, "ANSWER_SECONDS", 600.0)
        yield


@pytest.fixture
async def desk(database_url: str) -> AsyncIterator[Desk]:
    async with open_desk(database_url) as opened:
        yield opened
