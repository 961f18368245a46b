"""What the ways of ending a run early share."""

from __future__ import annotations

import asyncio

from services.api.context import Context
from services.api.dependencies import Acting
from services.api.errors import ApiError
from services.api.foreign import no_such_run
from shared import messages
from shared.errors import DatabaseAway, DatabaseBusy
from shared.logs import logger
from shared.queries.runs import Ending, count_unsent

POLL_SECONDS = 0.02
LONGEST_POLL_SECONDS = 0.25


async def check(asker: Acting, run_id: int, ending: Ending, *, tell_foreign: bool = False) -> None:
    """Raise what is to be answered unless the run was there to be ended."""
    if ending.verdict == "not_found":
        raise await no_such_run(asker, run_id, tell=tell_foreign)
    if ending.verdict == "over":
        status = str(ending.status)
        word = messages.text(asker.locale, f"status.{status}")
        raise ApiError(409, "illegal_transition", "illegal_transition", body={"status": status}, status=word)


def log_end(asker: Acting, run_id: int, ending: Ending, reason: str) -> None:
    """Log that the run has ended, if it has."""
    if ending.ended:
        logger().info(
            "RUN_ENDED", business_id=asker.business_id, run_id=run_id, status=ending.status, end_reason=reason
        )


async def until_nothing_starts(api: Context, asker: Acting, run_id: int) -> None:
    """Return when no call of an ended or cancelled run can be dialled any more, after SEND_WITHIN at the latest.

    Every call was claimed before the run was ended, and may be dialled for SEND_WITHIN from its claim at most: when
    the database cannot be asked, waiting as long gives the same certainty.
    """
    clock = asyncio.get_running_loop().time
    certain = clock() + api.settings.send_within
    pause = POLL_SECONDS
    while (left := certain - clock()) > 0:
        try:
            if not await count_unsent(asker.db, asker.business_id, run_id):
                return
        except (DatabaseAway, DatabaseBusy) as error:
            logger().warning("WAITING_OUT", business_id=asker.business_id, run_id=run_id, reason=str(error))
            await asyncio.sleep(max(certain - clock(), 0))
            return
        await asyncio.sleep(min(pause, left))
        pause = min(2 * pause, LONGEST_POLL_SECONDS)
