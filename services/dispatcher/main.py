"""Wires the dispatcher: a unit for each partition, and what they share."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from services.dispatcher.advance import Advancer
from services.dispatcher.beat import Beat
from services.dispatcher.dial import Dialer
from services.dispatcher.handlers import handlers
from services.dispatcher.held import Held
from services.dispatcher.lease import LeaseKeeper
from services.dispatcher.record import Recorder
from services.dispatcher.recovery import Recovery
from services.dispatcher.roster import RosterKeeper, session_name
from services.dispatcher.trust import NAME as TRUST
from services.dispatcher.trust import Trust
from services.dispatcher.unit import Unit
from shared import metrics
from shared.broker import Consumer, Publisher
from shared.crashpoints import crash_point
from shared.db import Database
from shared.errors import DatabaseAway, DatabaseBusy, DatabaseConflict
from shared.health import Health, health_app
from shared.logs import logger, worker_id
from shared.partition import Partition, partitions
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
    """The parts of one dispatcher process. Its units share the dialer, whose room they take turns to fill."""

    def __init__(self, settings: Settings, stop: Stop, db: Database, http: ProviderHttp, health: Health) -> None:
        self._stop = stop
        self._settings = settings
        self._db = db
        self._http = http
        self._health = health
        self._worker = worker_id()
        self._purse = Purse(settings)
        self._session = db.session(timeout=settings.lease_seconds / 3, name=session_name(settings))
        self._roster = RosterKeeper(self._session, settings, health)
        self._held = Held(Trust(health))
        self._turn = asyncio.Lock()
        self.recorder = Recorder(db, settings)
        self._dialer = Dialer(http, self._purse, self.recorder, settings)
        self._units = {share.number: self._unit(share) for share in partitions(settings.dispatch_partitions)}
        self._dialer.tell(self._more_room)
        self.recorder.tell(self._freed)

    def _unit(self, share: Partition) -> Unit:
        db, worker, settings, number = self._db, self._worker, self._settings, share.number
        keeper = LeaseKeeper(
            self._session,
            worker,
            share,
            settings.lease_seconds,
            self._health,
            self._held,
            lambda: share.of == 1 or self._roster.is_turn(number),
        )
        advancer = Advancer(db, self._dialer, keeper, worker, settings, partition=number, turn=self._turn)
        consumer = Consumer(
            settings.amqp_url.get_secret_value(),
            f"dispatcher {worker}" if share.of == 1 else f"dispatcher {worker} {number}",
            handlers(advancer),
            share=share,
            at_home=lambda: self._roster.is_home(number),
            on_death=self._stop.fail,
        )
        beat = Beat(db, advancer, keeper, worker, settings.heartbeat_interval, lambda: consumer.is_deaf, share)
        recovery = Recovery(db, self._http, self._purse, keeper) if share.is_first else None
        return Unit(keeper, advancer, beat, consumer, recovery)

    async def run(self) -> None:
        """Hold one term after the other until the stop; then finish what is under way."""
        try:
            async with asyncio.TaskGroup() as group:
                for number, unit in self._units.items():
                    group.create_task(unit.run(self._stop), name=f"partition {number}")
                if len(self._units) > 1:
                    group.create_task(self._roster.run(self._units, self._stop), name="roster")
        except Exception:
            await self._finish()  # somebody may be ringing, whatever went wrong here
            raise
        await self._finish()

    async def _finish(self) -> None:
        """Record what comes of every create under way, and hand back what was never sent."""
        self._session.drop()
        await self._dialer.drain()
        await self.recorder.close()
        try:
            for unit in self._units.values():
                await unit.advancer.settle_unanswered()
        except (DatabaseAway, DatabaseBusy) as error:
            report_failure("claim", error, action="left to the reaper")

    def _more_room(self) -> None:
        for unit in self._units.values():
            unit.advancer.more_room()

    def _freed(self, business_id: int) -> None:
        """Have the partition look at it that claimed for it."""
        claimed = (unit for unit in self._units.values() if unit.advancer.has_claimed_for(business_id))
        next(claimed, self._units[0]).advancer.freed(business_id)


async def main(settings: Settings, stop: Stop) -> None:
    """Run the dispatcher until the stop."""
    metrics.export_dispatcher_gauges()
    metrics.DISPATCH_PARTITIONS.set(settings.dispatch_partitions)
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
            broker = Publisher.of(settings, "dispatcher health", health, stop.fail)
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
