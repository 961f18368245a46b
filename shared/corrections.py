"""The correction of stale runs, for the reaper and the API alike.

Rules: the predicate stands in one place, `ringfence_correct_stale`; for NUDGE_AFTER after an outage of the database
that this process saw nothing is corrected, so that a dispatcher has the time to beat first.
"""

from __future__ import annotations

import time
from datetime import timedelta

from shared import metrics
from shared.crashpoints import crash_point
from shared.db import Database
from shared.errors import DatabaseAway
from shared.events import RunStale
from shared.logs import logger
from shared.queries.corrections import correct
from shared.settings import Settings

_outage_seen_at: float | None = None


def note_outage() -> None:
    """Remember that the database could not be used just now."""
    global _outage_seen_at
    _outage_seen_at = time.monotonic()


def held_back(settings: Settings) -> bool:
    """Return whether corrections wait because the database was away less than NUDGE_AFTER ago."""
    return _outage_seen_at is not None and time.monotonic() - _outage_seen_at < settings.nudge_after


async def correct_stale(db: Database, settings: Settings, business_id: int | None = None) -> list[RunStale]:
    """End the stale runs of one business, or of all, and return what is to be published about them.

    Each is logged (STALE_DETECTION, RUN_ENDED) and counted. Raises DatabaseAway or DatabaseBusy.
    """
    if held_back(settings):
        return []
    try:
        crash_point("corrections.stale.before")
        corrected = await correct(
            db,
            business_id,
            nudge_after=timedelta(seconds=settings.nudge_after),
            stale_after=timedelta(seconds=settings.stale_after),
        )
        crash_point("corrections.stale.committed")
    except DatabaseAway:
        note_outage()
        raise
    for run in corrected:
        ids = {"business_id": run.business_id, "run_id": run.run_id}
        metrics.STALE_RUNS.labels(action="corrected").inc()
        logger().warning(
            "STALE_DETECTION",
            action="corrected",
            status=run.status,
            jobs_failed=run.jobs_failed,
            last_heartbeat_at=run.quiet_since.isoformat(),
            **ids,
        )
        logger().info("RUN_ENDED", status=run.status, end_reason="stale", **ids)
    return [
        RunStale(run_id=run.run_id, business_id=run.business_id, last_heartbeat_at=run.quiet_since, corrected=True)
        for run in corrected
    ]
