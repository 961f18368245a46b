"""Tells of calls that were settled: in the log, in the metrics, and to the dispatcher."""

from __future__ import annotations

from collections.abc import Callable

from shared import metrics
from shared.crashpoints import crash_point
from shared.events import Event, SlotReleased
from shared.logs import logger
from shared.queries.checks import Settled, UncertainCall

Announce = Callable[[Event], None]
"""Hands an event to whoever publishes it."""

log = logger()


class Teller:
    """Says what the database has already committed."""

    def __init__(self, announce: Announce) -> None:
        self._announce = announce

    def uncertain(self, call: UncertainCall) -> None:
        """A create's answer is overdue."""
        log.warning(
            "CALL_UNCERTAIN",
            business_id=call.business_id,
            run_id=call.run_id,
            job_id=call.job_id,
            call_id=call.call_id,
            reason="the create's answer is overdue",
        )

    def tell(self, call_id: int, settled: Settled) -> None:
        """A finding was applied."""
        ids: dict[str, object] = {
            "business_id": settled.business_id,
            "run_id": settled.run_id,
            "job_id": settled.job_id,
            "call_id": call_id,
            "call_sid": settled.call_sid,
        }
        if settled.result == "guessed":
            log.info("CALL_GUESSED", **ids)
        elif settled.result is not None:
            metrics.CALLS_SETTLED.labels(how=settled.result).inc()
            log.info("CALL_SETTLED", how=settled.result, outcome=settled.outcome, job_status=settled.job_status, **ids)
            if settled.outcome is not None:
                metrics.CALLS_ENDED.labels(outcome=settled.outcome).inc()
                log.info("CALL_ENDED", outcome=settled.outcome, **ids)
        if settled.released:
            self._release(settled, ids)
        if settled.run_ended is not None:
            log.info("RUN_ENDED", business_id=settled.business_id, run_id=settled.run_id, status=settled.run_ended)

    def _release(self, settled: Settled, ids: dict[str, object]) -> None:
        log.info("SLOT_RELEASED", action=settled.result, **ids)
        crash_point("reaper.release.publishing")
        self._announce(
            SlotReleased(
                business_id=settled.business_id,
                run_id=settled.run_id,
                job_id=settled.job_id,
                call_sid=settled.call_sid,
                outcome=settled.outcome,
            )
        )
        crash_point("reaper.release.handed")
