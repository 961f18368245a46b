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
from services.dispatcher.recovery import Recovery
from services.dispatcher.term import Term
from services.dispatcher.trust import NAME as TRUST
from shared import metrics
from shared.broker import Consumer, Publisher
from shared.crashpoints import crash_point
from shared.db import Database
from shared.errors import DatabaseAway, DatabaseBusy, DatabaseConflict
from shared.health import Health, health_app
from shared.logs import logger, worker_id
from shared.process import Stop, Tasks, report_failure, serve
from shared.purse import Purse
from shared.queries import dispatching
from shared.schema import require_schema
from shared.settings import Settings
from shared.telephony.http import ProviderHttp

POOL = 6
"""Connections: the claim, the beat, the record, and one spare each for a statement that is being given up."""

AGAIN = 0.5
"""Seconds between two tries to make ready what is needed of a database that was just there."""

log = logger()


class Dispatcher:
    """The parts of one dispatcher process."""

    def __init__(self, settings: Settings, stop: Stop, db: Database, http: ProviderHttp, health: Health) -> None:
        worker = worker_id()
        self._stop = stop
        self._keeper = LeaseKeeper(db, worker, settings.lease_seconds, health)
        self.recorder = Recorder(db, settings)
        purse = Purse(settings)
        self._dialer = Dialer(http, purse, self.recorder, settings)
        self._advancer = Advancer(db, self._dialer, self._keeper, worker, settings)
        self.recorder.tell(self._advancer.freed)
        self._recovery = Recovery(db, http, purse, self._keeper)
        self._consumer = Consumer(
            settings.amqp_url.get_secret_value(),
            f"dispatcher {worker}",
            handlers(self._advancer),
            on_death=stop.fail,
        )
        interval = settings.heartbeat_interval
        self._beat = Beat(db, self._advancer, self._keeper, worker, interval, lambda: self._consumer.is_deaf)

    async def run(self) -> None:
        """Hold one term after the other until the stop; then finish what is under way."""
        try:
            await self._hold_terms()
        except Exception:
            await self._finish()  # somebody may be ringing, whatever went wrong here
            raise
        await self._finish()

    async def _hold_terms(self) -> None:
        while not self._stop.is_set():
            term = await self._keeper.acquire(self._stop)
            if term is not None:
                await self._hold(term)

    async def _finish(self) -> None:
        """Record what comes of every create under way, and hand back what was never sent."""
        self._keeper.close()
        await self._dialer.drain()
        await self.recorder.close()
        try:
            await self._advancer.settle_unanswered()
        except (DatabaseAway, DatabaseBusy) as error:
            report_failure("claim", error, action="left to the reaper")

    async def _hold(self, term: Term) -> None:
        watch = asyncio.create_task(self._end_with_stop(term), name="end of term")
        try:
            await self._consumer.start()
            async with asyncio.TaskGroup() as group:
                group.create_task(self._keeper.keep(term), name="lease")
                group.create_task(self._beat.run(term), name="beat")
                group.create_task(self._advancer.run(term), name="advance")
                group.create_task(self._recovery.run(term), name="recovery")
        finally:
            watch.cancel()
            ours = term.end() or self._stop.is_set()
            # before the answers are in: a successor need not wait for them
            await asyncio.gather(self._consumer.stop(), *([self._keeper.give_up(term)] if ours else []))

    async def _end_with_stop(self, term: Term) -> None:
        await self._stop.wait()
        term.end()


async def main(settings: Settings, stop: Stop) -> None:
    """Run the dispatcher until the stop."""
    metrics.export_dispatcher_gauges()
    metrics.DISPATCHER_ACTIVE.set(0)
    health = Health(required={"database", "broker", TRUST})
    async with AsyncExitStack() as resources:
        db = Database(settings.database_url.get_secret_value(), name="ringfence-dispatcher", size=POOL)
        resources.push_async_callback(db.close)
        http = await resources.enter_async_context(ProviderHttp(settings.twilio_api_url, settings.dial_timeout))
        async with Tasks(stop, grace=settings.send_within + settings.dial_timeout + 10) as tasks:
            tasks.start("http", serve(health_app(health), settings.host, settings.port, stop, grace=5))
            if not await _database_ready(db, settings, stop):
                return
            health.set("database", up=True)
            dispatcher = Dispatcher(settings, stop, db, http, health)
            broker = Publisher(settings.amqp_url.get_secret_value(), "dispatcher health", health, on_death=stop.fail)
            await broker.start()  # a standby takes no hints, but must know whether it could
            resources.push_async_callback(broker.stop)
            tasks.start("record", dispatcher.recorder.run())
            tasks.start("dispatcher", dispatcher.run())
            await stop.wait()


async def _database_ready(db: Database, settings: Settings, stop: Stop) -> bool:
    """Wait for the database and make ready what is needed of it. False when the stop came first."""
    while await db.wait(stop):
        try:
            await require_schema(db)
            await _share_account(db, settings)
        except (DatabaseAway, DatabaseBusy, DatabaseConflict) as error:
            report_failure("start", error)
            await stop.within(AGAIN)
        else:
            return True
    return False


async def _share_account(db: Database, settings: Settings) -> None:
    if settings.twilio_account_sid:
        crash_point("dispatcher.account.before")
        await dispatching.share_account(db, settings.twilio_account_sid, settings.calls_per_second)
        crash_point("dispatcher.account.committed")
    else:
        log.info("NO_SHARED_ACCOUNT", action="only businesses with an account of their own are dialled for")
