"""Says once what a recorded callback changed: to the log, to the metrics, and to the dispatcher."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from shared import contradictions, metrics
from shared.crashpoints import crash_point
from shared.events import Event, SlotReleased
from shared.logs import logger
from shared.queries.callbacks import Heard, Recorded

log = logger()

Publish = Callable[[Event], None]


def announce(heard: Heard, recorded: Recorded, publish: Publish) -> None:
    """Tell of a callback that was committed; what is not told is found by the dispatcher's next look."""
    ids = {
        "business_id": recorded.business_id,
        "run_id": recorded.run_id,
        "job_id": recorded.job_id,
        "call_id": recorded.call_id,
        "call_sid": heard.call_sid,
    }
    if recorded.was_uncertain and recorded.result == "recorded":
        metrics.CALLS_SETTLED.labels(how="callback").inc()
        log.info("CALL_SETTLED", **ids, how="callback")
    if recorded.ended:
        metrics.CALLS_ENDED.labels(outcome=recorded.outcome).inc()
        log.info("CALL_ENDED", **ids, outcome=recorded.outcome, error_code=heard.code, how="callback")
    if recorded.released:
        log.info("SLOT_RELEASED", **ids, outcome=recorded.outcome)
        crash_point("webhook.release.publishing")
        publish(_slot_released(heard, recorded))
        crash_point("webhook.release.handed")
    _tell_of_conflict(heard, recorded, ids)
    if recorded.run_ended:
        log.info("RUN_ENDED", business_id=recorded.business_id, run_id=recorded.run_id, status=recorded.run_ended)


def _slot_released(heard: Heard, recorded: Recorded) -> SlotReleased:
    return SlotReleased.model_validate(
        {
            "business_id": recorded.business_id,
            "run_id": recorded.run_id,
            "job_id": recorded.job_id,
            "call_sid": heard.call_sid,
            "outcome": recorded.outcome,
        }
    )


def _tell_of_conflict(heard: Heard, recorded: Recorded, ids: dict[str, Any]) -> None:
    result = recorded.result
    if result == "repeat":
        log.info("DEDUP_CONFLICT", **ids, action=result, callback=heard.event, dedup_conflict=True)
    elif result in ("second_sid", "surfaced"):
        metrics.DUPLICATE_CALLS_DETECTED.inc()
        contradictions.count(result)
        log.error("DEDUP_CONFLICT", **ids, **_both(heard, recorded), action=result, dedup_conflict=True)
    elif result in ("other_end", "foreign_sid"):
        contradictions.count(result)
        words = {"outcome": recorded.outcome, **_both(heard, recorded)}
        log.warning("DEDUP_CONFLICT", **ids, **words, action=result, dedup_conflict=True)
    elif result == "amended":
        log.info("CALL_AMENDED", **ids, **_both(heard, recorded), outcome=recorded.outcome)
    else:
        log.debug("CALLBACK_RECORDED", **ids, action=result, callback=heard.event)


def _both(heard: Heard, recorded: Recorded) -> dict[str, object]:
    """What the row said and what the callback says; the callback's sid is the line's `call_sid`."""
    return {
        "known_sid": recorded.known_sid,
        "known_state": recorded.known_state,
        "known_outcome": recorded.known_outcome,
        "callback": heard.event,
        "said": heard.outcome or heard.event,
        **({} if recorded.sid_of is None else {"sid_of_call": recorded.sid_of}),
    }
