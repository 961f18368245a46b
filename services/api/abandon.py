"""Gives an uncertain call up by hand."""

from __future__ import annotations

from services.api.context import Context
from services.api.dependencies import Acting
from services.api.errors import ApiError, not_found
from services.api.run_answers import AbandonAnswer
from shared import messages, metrics
from shared.crashpoints import crash_point
from shared.events import SlotReleased
from shared.logs import logger
from shared.queries.runs import Abandoned, abandon_call


async def abandon(api: Context, asker: Acting, call_id: int) -> AbandonAnswer:
    """Free the slot of an uncertain call; its job fails as `uncertain` and is not dialled again."""
    crash_point("api.abandon.before")
    call = await abandon_call(asker.db, asker.business_id, call_id)
    crash_point("api.abandon.committed")
    if call.verdict == "not_found" or call.run_id is None or call.job_id is None:
        raise not_found()
    if call.verdict == "refused":
        state = str(call.state)
        word = messages.text(asker.locale, f"call_state.{state}")
        raise ApiError(409, "illegal_transition", "illegal_call_transition", body={"status": state}, state=word)
    _tell(api, asker.business_id, call_id, call, call.run_id, call.job_id)
    return AbandonAnswer(message=messages.text(asker.locale, "message.call_abandoned"))


def _tell(api: Context, business_id: int, call_id: int, call: Abandoned, run_id: int, job_id: int) -> None:
    ids = {"business_id": business_id, "run_id": run_id, "job_id": job_id}
    called = {**ids, "call_id": call_id, "call_sid": call.call_sid}
    metrics.CALLS_SETTLED.labels(how="hand").inc()
    metrics.CALLS_ENDED.labels(outcome="uncertain").inc()
    logger().info("CALL_SETTLED", how="hand", outcome="uncertain", **called)
    logger().info("CALL_ENDED", how="hand", outcome="uncertain", **called)
    logger().info("SLOT_RELEASED", outcome="uncertain", **called)
    if call.run_ended is not None:
        logger().info("RUN_ENDED", status=call.run_ended, business_id=business_id, run_id=run_id)
    crash_point("api.abandon.publishing")
    api.publisher.publish_soon(SlotReleased(**ids, call_sid=call.call_sid, outcome="uncertain"))
    crash_point("api.abandon.handed")
