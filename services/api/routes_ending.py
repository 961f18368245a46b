"""Ending runs and calls early."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from services.api import abandon, cancel, force_cancel, reconcile, stop
from services.api.bodies import read_object
from services.api.dependencies import Acting, RowId, TheContext, acting
from services.api.openapi import json_body, problems
from services.api.run_answers import AbandonAnswer, CancelAnswer, ForceCancelAnswer, ReconcileAnswer, StopAnswer
from shared.auth import Role

router = APIRouter(tags=["ending runs"])

Operator = Annotated[Acting, Depends(acting(Role.OPERATOR))]
Admin = Annotated[Acting, Depends(acting(Role.ADMIN))]


@router.post("/api/outbound_calls/jobs/{run_id}/cancel", responses=problems(403, 404, 409))
async def cancel_run(api: TheContext, asker: Operator, run_id: RowId) -> CancelAnswer:
    """Cancel a run. The path says "jobs" and means runs; it is older than the word."""
    return await cancel.cancel(api, asker, run_id)


@router.post(
    "/api/outbound/stop-queue", responses=problems(403, 404, 409, 413, 422), openapi_extra=json_body(stop.StopBody)
)
async def stop_queue(request: Request, api: TheContext, asker: Operator) -> StopAnswer:
    """Stop a run now; its live calls end by themselves."""
    run_id = stop.read_run_id(await read_object(request, stop.StopBody.model_fields))
    return await stop.stop(api, asker, run_id)


@router.post("/api/outbound_calls/jobs/{run_id}/force-cancel", responses=problems(403, 404, 409, 422))
async def force_cancel_run(
    api: TheContext, asker: Operator, run_id: RowId, hangup: Annotated[bool, Query()] = False
) -> ForceCancelAnswer:
    """Cancel a run now, whoever holds it; with `hangup` its live calls are ended as well."""
    return await force_cancel.force_cancel(api, asker, run_id, hangup=hangup)


@router.post("/api/outbound/runs/reconcile", responses=problems(403, 429))
async def reconcile_runs(api: TheContext, asker: Operator) -> ReconcileAnswer:
    """End the runs that have no job queued or live; once a minute per business."""
    return await reconcile.reconcile(api, asker)


@router.post("/api/calls/{call_id}/abandon", responses=problems(403, 404, 409))
async def abandon_call(api: TheContext, asker: Admin, call_id: RowId) -> AbandonAnswer:
    """Settle an uncertain call by hand: its slot is free, its job failed and not dialled again."""
    return await abandon.abandon(api, asker, call_id)
