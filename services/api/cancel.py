"""Cancels a run: what is queued at once, the run with the last of its live calls."""

from __future__ import annotations

from services.api.context import Context
from services.api.dependencies import Acting
from services.api.ending import check, log_end, until_nothing_starts
from services.api.run_answers import CancelAnswer
from shared.crashpoints import crash_point
from shared.logs import logger
from shared.queries.runs import cancel_run


async def cancel(api: Context, asker: Acting, run_id: int) -> CancelAnswer:
    """Cancel a run, and answer when no dial of it can start any more."""
    crash_point("api.cancel.before")
    ending = await cancel_run(asker.ending, asker.business_id, run_id)
    crash_point("api.cancel.committed")
    await check(asker, run_id, ending)
    logger().info(
        "CANCEL_REQUESTED", business_id=asker.business_id, run_id=run_id, jobs_cancelled=ending.jobs_cancelled
    )
    log_end(asker, run_id, ending, "cancelled")
    await until_nothing_starts(api, asker, run_id)
    return CancelAnswer()
