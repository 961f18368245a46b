"""Starts a run: one round trip to the database however many leads, then a hint to the dispatcher."""

from __future__ import annotations

import orjson

from services.api.context import Context
from services.api.dependencies import Acting
from services.api.errors import ApiError, invalid
from services.api.foreign import note_foreign_run
from services.api.start_order import StartOrder
from shared.crashpoints import crash_point
from shared.events import RunCreated
from shared.logs import logger
from shared.queries.runs import Started, start_run

BULK_FROM = 1000
"""From so many leads on the statement may take longer than an ordinary one; so may those of an earlier run."""


async def start(api: Context, asker: Acting, order: StartOrder, key: str | None) -> bytes:
    """Make the run and return the answer's body, the first one for a repeat. Raises ApiError."""
    large = order.lead_ids is None or len(order.lead_ids) >= BULK_FROM
    crash_point("api.start.before")
    started = await start_run(
        asker.bulk if large else asker.db,
        asker.business_id,
        lead_ids=order.lead_ids,
        from_run=order.from_run,
        run=order.run,
        created_by=asker.principal.subject,
        key=key,
        body_hash=order.body_hash,
    )
    crash_point("api.start.committed")
    if started.verdict == "done" and started.run_id is not None:
        ids = {"business_id": asker.business_id, "run_id": started.run_id}
        logger().info("RUN_CREATED", **ids)
        crash_point("api.start.publishing")
        api.publisher.publish_soon(RunCreated(**ids))
        crash_point("api.start.handed")
    elif started.verdict != "repeat":
        await _refuse(asker, order, started)
    return started.answer


async def _refuse(asker: Acting, order: StartOrder, started: Started) -> None:
    match started.verdict:
        case "mismatch":
            raise ApiError(422, "idempotency_mismatch", "idempotency_mismatch")
        case "no_leads":
            raise ApiError(422, "no_leads", "no_leads", body=orjson.loads(started.answer))
        case "active":
            raise invalid("from_run", "field.run_not_ended")
        case _:
            if order.from_run is not None:
                await note_foreign_run(asker, order.from_run)
            raise invalid("from_run", "field.unknown_run")
