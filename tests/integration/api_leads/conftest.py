"""The API's application as its other tests have it, with a key to seal secrets with, and two businesses."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from shared.auth import Role
from shared.settings import Settings
from tests.integration.api.conftest import rig, world
from tests.integration.api.conftest import settings as plain_settings
from tests.integration.api.rig import Asker, Rig, World
from tests.integration.patience import patient_database

__all__ = ["patient_database", "plain_settings", "rig", "world"]


@pytest.fixture
def settings(plain_settings: Settings) -> Settings:
    return Settings.model_validate({**plain_settings.model_dump(), "secrets_key": "a key to seal secrets with"})


@dataclass
class Pair:
    """Two businesses, each with an operator of its own."""

    a: int
    b: int
    asker_a: Asker
    asker_b: Asker


@pytest.fixture
async def pair(rig: Rig, world: World) -> Pair:
    a, b = await world.business(), await world.business(locale="he")
    return Pair(a, b, rig.asker(a, Role.OPERATOR), rig.asker(b, Role.OPERATOR))


@pytest.fixture
def platform(rig: Rig) -> Asker:
    """A platform_admin."""
    return rig.asker(None, Role.PLATFORM_ADMIN)
