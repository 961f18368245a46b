"""Runs of other businesses: unknown to the asker, known to the log."""

from __future__ import annotations

from services.api.dependencies import Acting, Reading
from services.api.errors import ApiError, forbidden, not_found
from shared import metrics
from shared.logs import logger
from shared.queries.runs import run_owner


async def note_foreign_run(asker: Acting | Reading, run_id: int) -> bool:
    """Return whether another business has this run; if so, it is logged with both businesses, and counted."""
    owner = await run_owner(asker.db, run_id)
    if owner is None or owner == asker.business_id:
        return False
    metrics.SECURITY_EVENTS.labels(kind="foreign_run").inc()
    logger().warning(
        "SECURITY",
        kind="foreign_run",
        business_id=asker.business_id,
        owner_business_id=owner,
        run_id=run_id,
        role=asker.principal.role.value,
    )
    return True


async def no_such_run(asker: Acting | Reading, run_id: int, *, tell: bool = False) -> ApiError:
    """Return the answer to somebody who names a run that is not his: 404, or 403 where he is told that it exists."""
    foreign = await note_foreign_run(asker, run_id)
    return forbidden("forbidden_run") if foreign and tell else not_found()
