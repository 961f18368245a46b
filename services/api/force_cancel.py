"""Ends a run whoever holds it, dead or alive."""

from __future__ import annotations

from services.api.context import Context
from services.api.dependencies import Acting
from services.api.ending import check, log_end
from services.api.run_answers import ForceCancelAnswer
from shared import messages
from shared.crashpoints import crash_point
from shared.events import RunStale
from shared.logs import logger
from shared.queries.runs import force_cancel_run


async def force_cancel(api: Context, asker: Acting, run_id: int, *, hangup: bool) -> ForceCancelAnswer:
    """Cancel a run now, and with `hangup` ask for its live calls to be ended."""
    crash_point("api.force_cancel.before")
    ending = await force_cancel_run(asker.ending, asker.business_id, run_id, hangup=hangup)
    crash_point("api.force_cancel.committed")
    await check(asker, run_id, ending, tell_foreign=True)
    logger().warning(
        "FORCE_CANCEL",
        business_id=asker.business_id,
        run_id=run_id,
        action="hangup" if hangup else "cancel",
        jobs_cancelled=ending.jobs_cancelled,
        calls_hung_up=ending.calls_hung_up,
    )
    log_end(asker, run_id, ending, "force_cancelled")
    crash_point("api.force_cancel.publishing")
    api.publisher.publish_soon(RunStale(run_id=run_id, business_id=asker.business_id, corrected=True))
    crash_point("api.force_cancel.handed")
    return ForceCancelAnswer(
        message=messages.force_cancelled(asker.locale, ending.jobs_cancelled, ending.calls_hung_up),
        jobs_cancelled=ending.jobs_cancelled,
        calls_hung_up=ending.calls_hung_up,
    )
