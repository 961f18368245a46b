"""Wires the dispatcher: a standby until it holds the lease, then beats, takes hints, claims and dials."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from services.dispatcher.advance import Advancer
from services.dispatcher.beat import Beat
from services.dispatcher.dial import Dialer
from services.dispatcher.handlers import handlers
from services.dispatcher.lease import LeaseKeeper
from services.dispatcher.record import Recorder
from services.dispatcher.secrets import Accounts
from services.dispatcher.term import Term
from shared import metrics
from shared.broker import Consumer, Publisher
from shared.db import Database
from shared.health import Health, health_app
from shared.logs import logger, worker_id
from shared.process import Stop, Tasks, serve
from shared.queries import dispatching
from shared.schema import require_schema
from shared.settings import Settings
from shared.telephony.http import ProviderHttp

POOL = 6
"""Connections: the claim, the beat, the record, and one spare each for a statement that is being given up."""

log = logger()


class Dispatcher:
    """The parts of one dispatcher process."""

    def __init__(self, settings: Settings, stop: Stop, db: Database, http: ProviderHttp, health: Health) -> None:
        worker = worker_id()
        self._stop = stop
        self._keeper = LeaseKeeper(db, worker, settings.lease_seconds, health)
        self.recorder = Recorder(db, settings)
        self._dialer = Dialer(http, Accounts(settings), self.recorder, settings)
        self._advancer = Advancer(db, self._dialer, self._keeper, worker, settings, health)
        self._beat = Beat(db, self._advancer, self._keeper, worker, settings.heartbeat_interval, health)
        self._consumer = Consumer(
            settings.amqp_url.get_secret_value(),
            f"dispatcher {worker}",
            handlers(self._advancer),
            on_death=stop.fail,
        )

    async def run(self) -> None:
        """Hold one term after the other until the stop; then finish what is under way and hand the lease on."""
        term = None
        while not self._stop.is_set():
            term = await self._keeper.acquire(self._stop)
            if term is not None:
                await self._hold(term)
        await self._dialer.drain()
        await self.recorder.close()
        if term is not None and self._stop.is_set():
            await self._keeper.give_up(term)
        self._keeper.close()

    async def _hold(self, term: Term) -> None:
        watch = asyncio.create_task(self._end_with_stop(term), name="end of term")
        await self._consumer.start()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._keeper.keep(term), name="lease")
                group.create_task(self._beat.run(term), name="beat")
                group.create_task(self._advancer.run(term), name="advance")
        finally:
            term.end()
            watch.cancel()
            await self._consumer.stop()

    async def _end_with_stop(self, term: Term) -> None:
        await self._stop.wait()
        term.end()


async def main(settings: Settings, stop: Stop) -> None:
    """Run the dispatcher until the stop."""
    metrics.export_dispatcher_gauges()
    metrics.DISPATCHER_ACTIVE.set(0)
    health = Health(required={"database", "broker"})
    async with AsyncExitStack() as resources:
        db = Database(settings.database_url.get_secret_value(), name="ringfence-dispatcher", size=POOL)
        resources.push_async_callback(db.close)
        http = await resources.enter_async_context(ProviderHttp(settings.twilio_api_url, settings.dial_timeout))
        async with Tasks(stop, grace=settings.send_within + settings.dial_timeout + 10) as tasks:
            tasks.start("http", serve(health_app(health), settings.host, settings.port, stop, grace=5))
            if not await db.wait(stop):
                return
            health.set("database", up=True)
            await require_schema(db)
            await _share_account(db, settings)
            dispatcher = Dispatcher(settings, stop, db, http, health)
            broker = Publisher(settings.amqp_url.get_secret_value(), "dispatcher health", health, on_death=stop.fail)
            await broker.start()  # a standby takes no hints, but must know whether it could
            resources.push_async_callback(broker.stop)
            tasks.start("record", dispatcher.recorder.run())
            tasks.start("dispatcher", dispatcher.run())
            await stop.wait()


async def _share_account(db: Database, settings: Settings) -> None:
    if settings.twilio_account_sid:
        await dispatching.share_account(db, settings.twilio_account_sid, settings.calls_per_second)
    else:
        log.info("NO_SHARED_ACCOUNT", action="only businesses with an account of their own are dialled for")
