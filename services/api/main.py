"""The API's process: listens at once, and works as soon as the database is there and keeps businesses apart."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from functools import partial

from services.api.application import create_app
from services.api.context import Context
from services.api.isolation import require_isolation
from shared import metrics
from shared.auth import TokenVerifier
from shared.broker import Publisher
from shared.corrections import note_outage
from shared.db import Database
from shared.errors import DatabaseAway, DatabaseBusy
from shared.gauges import REFRESH_SECONDS, GaugeRefresher
from shared.health import Health
from shared.process import Stop, Tasks, every, serve
from shared.schema import require_schema
from shared.settings import Settings

PING_SECONDS = 1.0
RETRY_SECONDS = 0.5
GRACE_SECONDS = 10.0


async def main(settings: Settings, stop: Stop) -> None:
    """Serve the API until the stop. Raises SchemaTooOld or IsolationBroken at start."""
    metrics.export_database_gauges()
    health = Health(required=["database"], optional=["broker"])
    publisher = Publisher.of(settings, "ringfence api", health, stop.fail)
    async with AsyncExitStack() as closing:
        verifier = await closing.enter_async_context(TokenVerifier(settings))
        api = Context(settings, verifier, publisher, health)
        closing.push_async_callback(api.close_connections)
        async with asyncio.TaskGroup() as group:
            group.create_task(serve(create_app(api), settings.host, settings.port, stop, grace=GRACE_SECONDS))
            if await prepare(api, stop):
                await publisher.start()
                closing.push_async_callback(publisher.stop)
                await _watch(api, stop)


async def prepare(api: Context, stop: Stop) -> bool:
    """Wait for the database and check it; only then are requests taken. False when the stop came first."""
    plain = Database(api.settings.database_url.get_secret_value(), name="ringfence-api-start", size=1)
    try:
        while not stop.is_set():
            try:
                await require_schema(plain)
                await require_isolation(api.own.db)
            except (DatabaseAway, DatabaseBusy) as error:
                api.health.set("database", up=False, reason=str(error))
                note_outage()
                await stop.within(RETRY_SECONDS)
            else:
                api.health.set("database", up=True)
                api.ready = True
                return True
    finally:
        await plain.close()
    return False


async def _watch(api: Context, stop: Stop) -> None:
    gauges = GaugeRefresher(api.platform.db, api.settings)
    async with Tasks(stop) as tasks:
        tasks.start("database", every(PING_SECONDS, stop, partial(watch_database, api), "database"))
        tasks.start("gauges", every(REFRESH_SECONDS, stop, partial(refresh, api, gauges), "gauges"))
        await stop.wait()


async def refresh(api: Context, gauges: GaugeRefresher) -> None:
    """Bring the gauges up to date, unless the database is known to be away."""
    if api.health.up("database"):
        await gauges.refresh()


async def watch_database(api: Context) -> None:
    """Note whether the database answers. Connections that an outage may have broken are not used again."""
    try:
        await api.own.db.ping()
    except DatabaseAway as error:
        api.health.set("database", up=False, reason=str(error))
        note_outage()
        await api.close_connections()
    except DatabaseBusy:
        return  # it is there
    else:
        api.health.set("database", up=True)
