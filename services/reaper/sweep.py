"""The sweeps over the database alone: quiet and stale runs, leftovers, overdue and expired calls, old rows.

Rules: each is one conditional statement per kind, safe with any number of reapers; what is found is already committed
when it is told. Starting up is the ordinary sweep.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Final

from services.reaper.look import waits_of
from services.reaper.tell import Announce, Teller
from shared import metrics
from shared.corrections import correct_stale, note_outage
from shared.crashpoints import crash_point
from shared.db import Database
from shared.errors import DatabaseAway
from shared.events import RunStale
from shared.health import Health
from shared.logs import logger
from shared.queries import checks, sweeps
from shared.queries.sweeps import MendedRun, QuietRun
from shared.settings import Settings

RUNS_AT_ONCE: Final = 100
CALLS_AT_ONCE: Final = 500
ROWS_AT_ONCE: Final = 1000
BATCHES_AT_ONCE: Final = 20
"""How much one sweep takes at most: well within a statement's limit, the rest is for the next."""

EVENTS_KEPT: Final = timedelta(days=30)
KEYS_KEPT: Final = timedelta(hours=24)

log = logger()


class Sweeper:
    """Everything the reaper does without the provider. `bulk` is for what may close 100,000 jobs in one statement."""

    def __init__(
        self, db: Database, bulk: Database, settings: Settings, announce: Announce, teller: Teller, health: Health
    ) -> None:
        self._db = db
        self._bulk = bulk
        self._settings = settings
        self._announce = announce
        self._teller = teller
        self._health = health

    async def runs(self) -> None:
        """Nudge quiet runs, correct stale ones, and mend what was left over."""
        try:
            crash_point("reaper.nudge.before")
            quiet = await sweeps.nudge(self._db, timedelta(seconds=self._settings.nudge_after))
            crash_point("reaper.nudge.committed")
        except DatabaseAway as error:
            self._health.set("database", up=False, reason=str(error))
            raise
        if not self._health.up("database"):
            note_outage()  # it is back only now: a dispatcher must have the time to beat
            self._health.set("database", up=True)
        for run in quiet:
            self._tell_nudged(run)
        for event in await correct_stale(self._bulk, self._settings):
            crash_point("reaper.stale.publishing")
            self._announce(event)
            crash_point("reaper.stale.handed")
        crash_point("reaper.leftovers.before")
        leftovers = await sweeps.close_leftovers(self._bulk, RUNS_AT_ONCE)
        crash_point("reaper.leftovers.committed")
        for mended in leftovers:
            _tell_mended(mended)

    def _tell_nudged(self, run: QuietRun) -> None:
        metrics.STALE_RUNS.labels(action="nudged").inc()
        log.warning(
            "STALE_DETECTION",
            action="nudged",
            business_id=run.business_id,
            run_id=run.run_id,
            last_heartbeat_at=run.quiet_since.isoformat(),
            locked_by_worker=run.worker,
        )
        crash_point("reaper.nudge.publishing")
        self._announce(
            RunStale(run_id=run.run_id, business_id=run.business_id, last_heartbeat_at=run.quiet_since, corrected=False)
        )
        crash_point("reaper.nudge.handed")

    async def calls(self) -> None:
        """Make overdue calls uncertain, and give up those past their longest life."""
        crash_point("reaper.overdue.before")
        overdue = await checks.mark_uncertain(self._db, CALLS_AT_ONCE)
        crash_point("reaper.overdue.committed")
        for call in overdue:
            self._teller.uncertain(call)
        for expired in await checks.find_expired(self._db, CALLS_AT_ONCE):
            crash_point("reaper.expiry.before")
            settled = await checks.settle(
                self._db, expired.call_id, expired.dial_token, "expired", waits=waits_of(self._settings)
            )
            crash_point("reaper.expiry.committed")
            if settled is not None:
                self._teller.tell(expired.call_id, settled)

    async def old_rows(self) -> None:
        """Delete callbacks after 30 days and idempotency keys after 24 hours, in small batches."""
        crash_point("reaper.events.before")
        await self._delete("call_events", lambda: sweeps.delete_old_events(self._db, EVENTS_KEPT, ROWS_AT_ONCE))
        crash_point("reaper.events.deleted")
        crash_point("reaper.keys.before")
        await self._delete("idempotency_keys", lambda: sweeps.delete_old_keys(self._db, KEYS_KEPT, ROWS_AT_ONCE))
        crash_point("reaper.keys.deleted")

    async def _delete(self, table: str, batch: Callable[[], Awaitable[int]]) -> None:
        gone = 0
        for _ in range(BATCHES_AT_ONCE):
            deleted = await batch()
            gone += deleted
            if deleted < ROWS_AT_ONCE:
                break
        if gone:
            log.info("CLEANUP", action="expired", table=table, rows=gone)


def _tell_mended(run: MendedRun) -> None:
    ids = {"business_id": run.business_id, "run_id": run.run_id, "status": run.status}
    log.warning("CLEANUP", action="run_ended" if run.ended else "jobs_closed", jobs_closed=run.jobs_closed, **ids)
    if run.ended:
        log.info("RUN_ENDED", **ids)
