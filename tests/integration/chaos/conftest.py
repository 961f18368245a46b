"""Histories to be judged."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.campaigns import campaigns_in
from tests.integration.history.scene import CAP, Scene


@pytest.fixture
async def scene(superuser_url: str, tmp_path: Path) -> AsyncIterator[Scene]:
    """A business and its provider's ledger."""
    async with campaigns_in(superuser_url) as campaigns:
        await campaigns.account(shared=True)
        yield Scene(campaigns, tmp_path, superuser_url, await campaigns.business(CAP))
