"""A scene for each test: a business with room for some calls, on the shared account."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.campaigns import campaigns_in
from tests.integration.history.scene import CAP, Scene


@pytest.fixture
async def scene(superuser_url: str, tmp_path: Path) -> AsyncIterator[Scene]:
    """Rows are written as a superuser, so that a test can doctor them past every guard."""
    async with campaigns_in(superuser_url) as campaigns:
        await campaigns.account(shared=True)
        yield Scene(campaigns, tmp_path, superuser_url, await campaigns.business(CAP))
