"""The API's application on a real database, asked over HTTP without a socket; what it publishes is kept."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import asyncpg
import httpx
import pytest

from services.api.application import create_app
from services.api.context import Context
from services.api.main import prepare
from shared import corrections
from shared.auth import Role, TokenVerifier, mint_token
from shared.broker import Publisher
from shared.events import Event
from shared.health import Health
from shared.process import Stop
from shared.settings import Settings
from stack.databases import Database, DatabaseServer
from tests.integration.api.rig import SECRET, Rig, World
from tests.integration.patience import patient_database

__all__ = ["patient_database"]


class KeptEvents:
    """Stands where the publisher stands, and keeps what it is given."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def publish_soon(self, event: Event) -> None:
        self.events.append(event)


@asynccontextmanager
async def open_world(superuser_url: str) -> AsyncIterator[World]:
    connection = await asyncpg.connect(superuser_url, server_settings={"timezone": "UTC"})
    yield World(connection)
    await connection.close()


@asynccontextmanager
async def open_rig(settings: Settings) -> AsyncIterator[Rig]:
    kept = KeptEvents()
    health = Health(required=["database"], optional=["broker"])
    async with TokenVerifier(settings) as verifier:
        context = Context(settings, verifier, cast(Publisher, kept), health)
        assert await prepare(context, Stop())
        transport = httpx.ASGITransport(create_app(context))
        async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
            yield Rig(client, context, kept.events, token)
        await context.close_connections()


def make_settings(database_url: str) -> Settings:
    return Settings.model_validate(
        {
            "database_url": database_url,
            "amqp_url": "amqp://127.0.0.1:1/",
            "webhook_public_url": "http://127.0.0.1:9",
            "jwt_secret": SECRET,
        }
    )


@pytest.fixture
async def world(superuser_url: str) -> AsyncIterator[World]:
    """The database past every policy, to put things into it and to look."""
    async with open_world(superuser_url) as world:
        yield world


@pytest.fixture(autouse=True)
def no_outage_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Corrections wait for a moment after an outage; one that an earlier test made is not this test's."""
    monkeypatch.setattr(corrections, "_outage_seen_at", None)


@pytest.fixture
def settings(database_url: str) -> Settings:
    return make_settings(database_url)


@pytest.fixture
async def rig(settings: Settings) -> AsyncIterator[Rig]:
    """The application on the test's own database."""
    async with open_rig(settings) as rig:
        yield rig


@pytest.fixture(scope="module")
async def shared_database(postgres_server: DatabaseServer) -> AsyncIterator[Database]:
    """A database for the many tests of a module that leave nothing behind but businesses."""
    fresh = await postgres_server.new_database()
    yield fresh
    await postgres_server.drop(fresh)


@pytest.fixture(scope="module")
async def shared_world(shared_database: Database) -> AsyncIterator[World]:
    async with open_world(shared_database.superuser_url) as world:
        yield world


@pytest.fixture(scope="module")
async def shared_rig(shared_database: Database) -> AsyncIterator[Rig]:
    async with open_rig(make_settings(shared_database.url)) as rig:
        yield rig


def token(role: Role, business_id: int | None) -> str:
    return mint_token(SECRET, "somebody", role, business_id, 600)
