"""What is asked about runs."""

from __future__ import annotations

from services.api.context import Context
from services.api.dependencies import Acting, Page, Reading
from services.api.describe import describe
from services.api.errors import not_found
from services.api.foreign import no_such_run
from services.api.run_answers import ActiveAnswer, JobAnswer, JobList, RunAnswer, RunList
from shared.corrections import correct_stale
from shared.crashpoints import crash_point
from shared.domain import RunStatus
from shared.queries.runs import read_active, read_jobs, read_newest, read_run

MOST_ACTIVE = 100


async def one_run(api: Context, reader: Reading, run_id: int) -> RunAnswer:
    """Return one run."""
    run = await read_run(reader.db, api.settings, reader.business_id, run_id)
    if run is None:
        raise await no_such_run(reader, run_id)
    return describe(run)


async def newest_runs(api: Context, reader: Reading, status: RunStatus | None, page: Page) -> RunList:
    """Return a page of runs, newest first."""
    word = None if status is None else status.value
    found = await read_newest(reader.db, api.settings, reader.business_id, word, page.after, page.limit + 1)
    more = len(found) > page.limit
    items = [describe(run) for run in found[: page.limit]]
    return RunList(items=items, next=items[-1].run_id if more else None)


async def jobs_of_run(reader: Reading, run_id: int, page: Page) -> JobList:
    """Return a page of a run's jobs, in the order of dialling."""
    found = await read_jobs(reader.db, reader.business_id, run_id, page.after, page.limit + 1)
    if found is None:
        raise await no_such_run(reader, run_id)
    more = len(found) > page.limit
    items = [JobAnswer.model_validate(job, from_attributes=True) for job in found[: page.limit]]
    return JobList(items=items, next=items[-1].job_id if more else None)


async def active_runs(api: Context, asker: Acting) -> ActiveAnswer:
    """Return the active runs of a business, after its stale ones have been ended."""
    for event in await correct_stale(asker.ending, api.settings, asker.business_id):
        crash_point("api.stale.publishing")
        api.publisher.publish_soon(event)
        crash_point("api.stale.handed")
    runs = [describe(run) for run in await read_active(asker.db, api.settings, asker.business_id, MOST_ACTIVE)]
    if not runs:
        raise not_found("no_active_run")
    return ActiveAnswer(**runs[0].model_dump(), runs=runs)
