"""Wires the reaper: sweeps over the database, looks at the provider, hang-ups, gauges. Any number of them may run.

Rules: what talks to the provider has tasks and database connections apart from the sweeps, so that a provider that is
slow delays no nudge and no correction.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from functools import partial
from typing import Final

from services.reaper.desk import Desk
from services.reaper.hangup import Hanger
from services.reaper.look import Looker
from services.reaper.outages import Outages
from services.reaper.rounds import E, Rounds
from services.reaper.sweep import Sweeper
from services.reaper.tell import Teller
from shared import metrics
from shared.broker import Publisher
from shared.corrections import note_outage
from shared.db import Database
from shared.gauges import REFRESH_SECONDS, GaugeRefresher
from shared.health import Health, health_app
from shared.process import Stop, Tasks, every, serve
from shared.purse import Purse
from shared.schema import await_schema
from shared.settings import Settings
from shared.telephony.http import ProviderHttp

LOOKS_AT_ONCE: Final = 20
HANGUPS_AT_ONCE: Final = 10
PER_ACCOUNT: Final = 5
"""Requests of one account at once: the provider limits them, and creates come first."""

POOL: Final = 4
OLD_ROWS_SECONDS: Final = 60.0
GRACE_SECONDS: Final = 5.0


async def main(settings: Settings, stop: Stop) -> None:
    """Run the reaper until the stop. Raises SchemaTooOld at start."""
    metrics.export_database_gauges()
    health = Health(required=["database"], optional=["broker"])
    publisher = Publisher.of(settings, "ringfence reaper", health, stop.fail)
    async with AsyncExitStack() as closing:
        url = settings.database_url.get_secret_value()
        sweeps = Database(url, name="ringfence-reaper-sweeps", size=POOL)
        closing.push_async_callback(sweeps.close)
        bulk = Database(url, name="ringfence-reaper-bulk", size=1, bulk=True)
        closing.push_async_callback(bulk.close)
        errands = Database(url, name="ringfence-reaper-errands", size=POOL)
        closing.push_async_callback(errands.close)
        http = await closing.enter_async_context(ProviderHttp(settings.twilio_api_url, settings.dial_timeout))
        await publisher.start()
        closing.push_async_callback(publisher.stop)
        async with Tasks(stop, grace=GRACE_SECONDS) as tasks:
            tasks.start("http", serve(health_app(health), settings.host, settings.port, stop, grace=GRACE_SECONDS))
            if not await await_schema(sweeps, stop):
                return
            note_outage()  # what happened before this process was there may have been one
            health.set("database", up=True)
            teller = Teller(publisher.publish_soon)
            sweeper = Sweeper(sweeps, bulk, settings, publisher.publish_soon, teller, health)
            start_sweeps(tasks, stop, sweeper, settings)
            start_errands(tasks, stop, errands, http, settings, teller)
            gauges = GaugeRefresher(sweeps, settings)
            tasks.start("gauges", every(REFRESH_SECONDS, stop, gauges.refresh, "gauges"))
            await stop.wait()


def start_sweeps(tasks: Tasks, stop: Stop, sweeper: Sweeper, settings: Settings) -> None:
    """Begin to sweep the database."""
    tasks.start("runs", every(settings.sweep_interval, stop, sweeper.runs, "runs"))
    tasks.start("calls", every(settings.sweep_interval, stop, sweeper.calls, "calls"))
    tasks.start("old rows", every(OLD_ROWS_SECONDS, stop, sweeper.old_rows, "old rows"))


def start_errands(
    tasks: Tasks, stop: Stop, db: Database, http: ProviderHttp, settings: Settings, teller: Teller
) -> None:
    """Begin to look calls up and to hang up."""
    outages = Outages()
    purse = Purse(settings)
    looker = Looker(db, http, purse, settings, teller)
    hanger = Hanger(db, http, purse, settings)
    looks = Rounds("look", looker.take, looker.look, Desk(LOOKS_AT_ONCE, PER_ACCOUNT, outages), outages)
    hangups = Rounds("hangup", hanger.take, hanger.end, Desk(HANGUPS_AT_ONCE, PER_ACCOUNT, outages), outages)
    _go_round(looks, tasks, stop, settings.sweep_interval)
    _go_round(hangups, tasks, stop, settings.sweep_interval)


def _go_round(rounds: Rounds[E], tasks: Tasks, stop: Stop, period: float) -> None:
    tasks.start(f"{rounds.name}s", every(period, stop, partial(rounds.go, tasks, stop, period), f"{rounds.name}s"))
