"""Questions about runs."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from services.api import runs
from services.api.dependencies import Acting, CurrentPage, CurrentReading, RowId, TheContext, acting
from services.api.openapi import problems
from services.api.run_answers import ActiveAnswer, JobList, RunAnswer, RunList
from shared.auth import Role
from shared.domain import RunStatus

router = APIRouter(tags=["runs"])


@router.get("/api/outbound/runs", responses=problems(422))
async def list_runs(
    api: TheContext, reader: CurrentReading, page: CurrentPage, status: Annotated[RunStatus | None, Query()] = None
) -> RunList:
    """List runs, newest first."""
    return await runs.newest_runs(api, reader, status, page)


@router.get("/api/outbound/runs/{run_id}", responses=problems(404, 422))
async def show_run(api: TheContext, reader: CurrentReading, run_id: RowId) -> RunAnswer:
    """Show one run with its progress, and why nothing of it is being dialled now."""
    return await runs.one_run(api, reader, run_id)


@router.get("/api/outbound/runs/{run_id}/jobs", responses=problems(404, 422))
async def list_jobs(reader: CurrentReading, run_id: RowId, page: CurrentPage) -> JobList:
    """List the jobs of a run in the order of dialling, each with its calls."""
    return await runs.jobs_of_run(reader, run_id, page)


@router.get("/api/outbound_calls/jobs/active", responses=problems(404, 422))
async def show_active(api: TheContext, asker: Annotated[Acting, Depends(acting(Role.VIEWER))]) -> ActiveAnswer:
    """Show the business's oldest pending or running run. Stale runs are ended first and no longer count."""
    return await runs.active_runs(api, asker)
