"""The statement that ends stale runs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text

from shared.db import Database

# Ends what is stale, of one business or (NULL) of all; one row per run that was ended.
CORRECT = text(
    """
    SELECT run_id, business_id, last_heartbeat_at AS quiet_since, status, jobs_failed FROM ringfence_correct_stale(
        CAST(:business_id AS bigint), CAST(:nudge_after AS interval), CAST(:stale_after AS interval))
    """
)


@dataclass(frozen=True, slots=True)
class CorrectedRun:
    """A run that was stale and has been ended."""

    run_id: int
    business_id: int
    quiet_since: datetime
    status: str
    jobs_failed: int


async def correct(
    db: Database, business_id: int | None, *, nudge_after: timedelta, stale_after: timedelta
) -> list[CorrectedRun]:
    """End the stale runs of a business, None for every business, and return them."""
    rows = await db.rows(CORRECT, business_id=business_id, nudge_after=nudge_after, stale_after=stale_after)
    return [CorrectedRun(**row) for row in rows]
