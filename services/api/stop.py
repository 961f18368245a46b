"""Stops the queue of a run: it is over at once, live calls end by themselves."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from services.api.bodies import Fields
from services.api.context import Context
from services.api.dependencies import Acting
from services.api.ending import check, log_end, until_nothing_starts
from services.api.run_answers import StopAnswer
from shared.auth import LARGEST_ID
from shared.crashpoints import crash_point
from shared.queries.runs import stop_run


class StopBody(BaseModel):
    """Which run to stop."""

    run_id: int


def read_run_id(body: dict[str, Any]) -> int:
    """Return the run that a body names. Raises Invalid."""
    fields = Fields(body)
    if not fields.has("run_id"):
        fields.refuse("run_id", "field.required")
    run_id = fields.integer("run_id", 1, LARGEST_ID)
    fields.check()
    return run_id or 0


async def stop(api: Context, asker: Acting, run_id: int) -> StopAnswer:
    """Stop a run, and answer when no dial of it can start any more."""
    crash_point("api.stop.before")
    ending = await stop_run(asker.ending, asker.business_id, run_id)
    crash_point("api.stop.committed")
    await check(asker, run_id, ending)
    log_end(asker, run_id, ending, "stopped")
    await until_nothing_starts(api, asker, run_id)
    return StopAnswer(jobs_cancelled=ending.jobs_cancelled)
