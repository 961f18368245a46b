"""The API's application on a real database, asked over HTTP without a socket; what it publishes is kept."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import cast

import asyncpg
import httpx
import pytest

from services.api.application import create_app
from services.api.context import Context
from services.api.main import prepare
from shared.auth import Role, TokenVerifier, mint_token
from shared.broker import Publisher
from shared.events import Event
from shared.health import Health
from shared.process import Stop
from shared.settings import Settings
from tests.integration.api.rig import Rig, World

SECRET = "a secret of 32 bytes for the tests"


class KeptEvents:
    """Stands where the publisher stands, and keeps what it is given."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def publish_soon(self, event: Event) -> None:
        self.events.append(event)


@pytest.fixture
async def world(superuser_url: str) -> AsyncIterator[World]:
    """The database past every policy, to put things into it and to look."""
    connection = await asyncpg.connect(superuser_url, server_settings={"timezone": "UTC"})
    yield World(connection)
    await connection.close()


@pytest.fixture
def settings(database_url: str) -> Settings:
    return Settings.model_validate(
        {
            "database_url": database_url,
            "amqp_url": "amqp://127.0.0.1:1/",
            "webhook_public_url": "http://127.0.0.1:9",
            "jwt_secret": SECRET,
        }
    )


@pytest.fixture
async def rig(settings: Settings, world: World) -> AsyncIterator[Rig]:
    """Two businesses and somebody to ask for each."""
    kept = KeptEvents()
    health = Health(required=["database"], optional=["broker"])
    async with TokenVerifier(settings) as verifier:
        context = Context(settings, verifier, cast(Publisher, kept), health)
        assert await prepare(context, Stop())
        transport = httpx.ASGITransport(create_app(context))
        async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
            yield Rig(client, context, kept.events, token)
        await context.close_connections()


def token(role: Role, business_id: int | None) -> str:
    return mint_token(SECRET, "somebody", role, business_id, 600)
