"""Wires the webhook service: it listens at once, and answers 503 until the database is there."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from functools import partial
from uuid import UUID

from starlette.applications import Starlette
from starlette.types import ASGIApp

from services.webhook.announce import Publish
from services.webhook.batch import Batcher
from services.webhook.door import Door
from services.webhook.keys import SigningKeys
from services.webhook.record import LANES, Recorder
from services.webhook.routes import ANSWER_SECONDS, Webhooks, expect_unrecorded
from services.webhook.voice import Voice
from shared.broker import Publisher
from shared.db import Database
from shared.errors import DatabaseAway, DatabaseBusy
from shared.health import Health, health_routes
from shared.logs import worker_id
from shared.process import Stop, Tasks, every, serve
from shared.queries import callbacks
from shared.queries.callbacks import FoundCall
from shared.schema import await_schema
from shared.settings import Settings

POOL = LANES + 4
"""Connections: the lanes, the common batch, the search for tokens, and two for what runs say and for the look."""
LOOK_SECONDS = 1.0
"""How often the database is asked whether it is there."""


def make_app(settings: Settings, db: Database, publish: Publish, health: Health) -> ASGIApp:
    """The application, over a database and a way to publish hints."""
    finder = Batcher[UUID, FoundCall | None]("tokens", partial(_find, db), shared_fate=(DatabaseAway, DatabaseBusy))
    recorder = Recorder(db, settings.webhook_grace, publish)
    door = Door(settings.webhook_public_url, SigningKeys(settings), finder.submit)
    rest = Starlette(routes=health_routes(health))
    rest.router.redirect_slashes = False  # a redirect would turn the provider's POST into a GET
    return Webhooks(door, recorder, Voice(db, recorder), health, rest)


async def main(settings: Settings, stop: Stop) -> None:
    """Run the service until the stop; requests in flight are answered and their hints sent."""
    expect_unrecorded()
    health = Health(required={"database"}, optional={"broker"})
    async with AsyncExitStack() as resources:
        db = Database(settings.database_url.get_secret_value(), name="ringfence-webhook", size=POOL)
        resources.push_async_callback(db.close)
        publisher = Publisher.of(settings, f"webhook {worker_id()}", health, stop.fail)
        await publisher.start()
        resources.push_async_callback(publisher.stop)
        app = make_app(settings, db, publisher.publish_soon, health)
        async with Tasks(stop, grace=ANSWER_SECONDS + 5) as tasks:
            tasks.start("http", serve(app, settings.host, settings.port, stop, grace=ANSWER_SECONDS))
            if await await_schema(db, stop):
                tasks.start("database", every(LOOK_SECONDS, stop, partial(_look, db, health), "database"))
            await stop.wait()


async def _find(db: Database, tokens: Sequence[UUID]) -> Sequence[FoundCall | None]:
    found = await callbacks.find_calls(db, tokens)
    return [found.get(token) for token in tokens]


async def _look(db: Database, health: Health) -> None:
    try:
        await db.ping()
    except (DatabaseAway, DatabaseBusy) as error:
        health.set("database", up=False, reason=str(error))
    else:
        health.set("database", up=True)
