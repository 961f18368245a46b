"""Keeps the gauges that describe the database up to date, in the api and the reaper alike.

Rules: `db` must see every business; what grows with history is read so seldom that it takes a fiftieth of the time,
but once in a minute in any case: a reading that was slow because something was away says nothing about the next.
"""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Final

from shared import metrics
from shared.db import Database
from shared.domain import ACTIVE_RUNS, RunStatus
from shared.queries.gauges import read_active_runs, read_ended_runs, read_live_calls, read_queued
from shared.settings import Settings

REFRESH_SECONDS: Final = 2.0
SHARE: Final = 50
"""A slow figure is read again when this many times its own reading time has passed."""
LONGEST_PAUSE: Final = 60.0


class GaugeRefresher:
    """Reads the database's figures into the gauges; call `refresh` every REFRESH_SECONDS."""

    def __init__(self, db: Database, settings: Settings) -> None:
        self._db = db
        self._stale_after = timedelta(seconds=settings.stale_after)
        self._slow_due = 0.0
        metrics.ABSENT_AFTER.set(settings.absent_after)

    async def refresh(self) -> None:
        """Set every gauge that is due. Raises DatabaseAway or DatabaseBusy."""
        await self._calls()
        await self._active_runs()
        began = time.monotonic()
        if began >= self._slow_due:
            await self._slow()
            self._slow_due = began + pause_after(time.monotonic() - began)

    async def _calls(self) -> None:
        calls = await read_live_calls(self._db)
        metrics.CALLS_LIVE.set(calls.live)
        metrics.CALLS_UNCERTAIN.set(calls.uncertain)
        metrics.LIVE_CALL_AGE.set(calls.oldest)
        metrics.UNCERTAIN_AGE.set(calls.oldest_uncertain)

    async def _active_runs(self) -> None:
        runs = await read_active_runs(self._db, self._stale_after)
        metrics.RUNS.labels(status=RunStatus.PENDING.value).set(runs.pending)
        metrics.RUNS.labels(status=RunStatus.RUNNING.value).set(runs.running)
        metrics.SLOTS_TOTAL.set(runs.slots)
        metrics.HEARTBEAT_AGE.set(runs.heartbeat_age)
        metrics.RUNS_STUCK.labels(kind="stale").set(runs.stale)
        metrics.RUNS_STUCK.labels(kind="locked_no_heartbeat").set(runs.locked_no_heartbeat)
        metrics.RUNS_STUCK.labels(kind="no_progress").set(runs.no_progress)

    async def _slow(self) -> None:
        metrics.JOBS_QUEUED.set(await read_queued(self._db))
        ended = await read_ended_runs(self._db)
        for status in set(RunStatus) - ACTIVE_RUNS:
            metrics.RUNS.labels(status=status.value).set(ended.get(status.value, 0))


def pause_after(seconds: float) -> float:
    """How long a slow figure rests that took so many seconds to read."""
    return min(SHARE * seconds, LONGEST_PAUSE)
