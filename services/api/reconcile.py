"""Ends the runs of a business that have nothing open, once a minute at most."""

from __future__ import annotations

import math

from services.api.context import Context
from services.api.dependencies import Acting
from services.api.errors import ApiError
from services.api.run_answers import ReconcileAnswer, ReconciledRun
from shared import messages
from shared.crashpoints import crash_point
from shared.events import RunStale
from shared.logs import logger
from shared.queries.runs import Reconciled, reconcile_runs


async def reconcile(api: Context, asker: Acting) -> ReconcileAnswer:
    """End what has nothing open. Raises ApiError 429 within a minute of the last time."""
    crash_point("api.reconcile.before")
    found = await reconcile_runs(asker.db, asker.business_id)
    crash_point("api.reconcile.committed")
    if isinstance(found, float):
        seconds = max(1, math.ceil(found))
        raise ApiError(429, "rate_limited", "rate_limited", seconds, headers={"Retry-After": str(seconds)})
    logger().info("RECONCILE", business_id=asker.business_id, reconciled_count=len(found))
    for run in found:
        _tell(api, asker, run)
    return ReconcileAnswer(
        reconciled_count=len(found),
        runs=[_answer(run) for run in found],
        message=messages.text(asker.locale, "message.reconciled", len(found)),
    )


def _tell(api: Context, asker: Acting, run: Reconciled) -> None:
    ids = {"business_id": asker.business_id, "run_id": run.run_id}
    logger().info("RECONCILE", action="ended", old_status=run.old_status, status=run.new_status, **ids)
    logger().info("RUN_ENDED", status=run.new_status, end_reason="reconciled", **ids)
    crash_point("api.reconcile.publishing")
    api.publisher.publish_soon(RunStale(**ids, corrected=True))
    crash_point("api.reconcile.handed")


def _answer(run: Reconciled) -> ReconciledRun:
    return ReconciledRun.model_validate(
        {
            "run_id": run.run_id,
            "old_status": run.old_status,
            "new_status": run.new_status,
            "reason": f"{run.completed_jobs}/{run.total_leads} jobs completed",
            "completed_jobs": run.completed_jobs,
            "total_leads": run.total_leads,
        }
    )
