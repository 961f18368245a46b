"""What PostgreSQL refuses of runs, jobs, leads, accounts and businesses, whatever the code does."""

import asyncpg
import pytest
from asyncpg.exceptions import CheckViolationError, ForeignKeyViolationError, UniqueViolationError

from shared.domain import JobStatus, Outcome, job_status_for
from tests.integration.campaigns import Campaigns

END = "status = 'completed', ended_at = now()"


@pytest.fixture
async def business(campaigns: Campaigns) -> int:
    await campaigns.account(shared=True)
    return await campaigns.business(cap=3)


@pytest.fixture
async def run(campaigns: Campaigns, business: int) -> int:
    """A pending run with two queued jobs."""
    return await campaigns.run(business, 2)


@pytest.fixture
async def job(campaigns: Campaigns, run: int) -> int:
    return int((await campaigns.rows("SELECT min(id) AS id FROM outbound_call_jobs WHERE run_id = $1", run))[0]["id"])


async def test_a_run_has_one_job_for_a_lead(connection: asyncpg.Connection, job: int) -> None:
    """Two jobs are two calls to one person."""
    insert = """INSERT INTO outbound_call_jobs (business_id, run_id, lead_id)
                SELECT business_id, run_id, lead_id FROM outbound_call_jobs WHERE id = $1"""
    with pytest.raises(UniqueViolationError, match="jobs_lead_once"):
        await connection.execute(insert, job)


async def test_a_job_points_at_no_other_businesss_lead_or_run(campaigns: Campaigns, business: int, run: int) -> None:
    """One business would ring another's people."""
    other = await campaigns.business()
    mine, theirs = (await campaigns.leads(business, 1))[0], (await campaigns.leads(other, 1))[0]
    insert = "INSERT INTO outbound_call_jobs (business_id, run_id, lead_id) VALUES ($1, $2, $3)"
    for owner, lead in ((business, theirs), (other, theirs), (other, mine)):
        with pytest.raises(ForeignKeyViolationError):
            await campaigns.connection.execute(insert, owner, run, lead)
    await campaigns.connection.execute(insert, business, run, mine)


async def test_a_phone_is_one_lead_of_a_business(campaigns: Campaigns, business: int) -> None:
    """Two leads with one phone are one person rung twice in one run."""
    insert = "INSERT INTO leads (business_id, phone) VALUES ($1, '+972501234567')"
    await campaigns.connection.execute(insert, business)
    with pytest.raises(UniqueViolationError, match="leads_phone_key"):
        await campaigns.connection.execute(insert, business)
    await campaigns.connection.execute(insert, await campaigns.business())


async def test_a_phone_is_e164(campaigns: Campaigns, business: int) -> None:
    """The same person written in two ways would be two leads."""
    for phone in ("0501234567", "+0501234567", "972501234567", "+972-50-123", "+9725012345678901", ""):
        with pytest.raises(CheckViolationError, match="leads_phone_e164"):
            await campaigns.connection.execute(
                "INSERT INTO leads (business_id, phone) VALUES ($1, $2)", business, phone
            )


@pytest.mark.parametrize("status", ["completed", "cancelled", "stopped", "failed"])
async def test_a_run_that_is_over_has_an_end(connection: asyncpg.Connection, run: int, status: str) -> None:
    """Without an end it would be beaten and shown as active for ever."""
    await connection.execute(
        "UPDATE outbound_call_runs SET locked_by_worker = 'w:1', lock_ts = now() WHERE id = $1", run
    )
    await connection.execute("UPDATE outbound_call_runs SET status = $2 WHERE id = $1", run, status)
    row = await connection.fetchrow("SELECT * FROM outbound_call_runs WHERE id = $1", run)
    assert row is not None
    assert (row["ended_at"] is not None, row["locked_by_worker"], row["lock_ts"]) == (True, None, None)


@pytest.mark.parametrize("status", ["pending", "running"])
async def test_a_run_that_goes_on_has_no_end(connection: asyncpg.Connection, run: int, status: str) -> None:
    """With one no claim would ever look at it."""
    with pytest.raises(CheckViolationError, match="runs_ended_exactly_when_over"):
        await connection.execute(
            "UPDATE outbound_call_runs SET status = $2, ended_at = now() WHERE id = $1", run, status
        )


async def test_an_ended_run_never_comes_back(connection: asyncpg.Connection, run: int) -> None:
    """What was reported as over would dial again."""
    await connection.execute(f"UPDATE outbound_call_runs SET {END} WHERE id = $1", run)
    with pytest.raises(CheckViolationError, match="is over and stays over"):
        await connection.execute("UPDATE outbound_call_runs SET status = 'running', ended_at = NULL WHERE id = $1", run)


async def test_an_ended_run_is_nobodys(campaigns: Campaigns, business: int, run: int) -> None:
    """A run that is over and looks locked keeps operators waiting for a worker that has nothing to do."""
    await campaigns.claim(business)
    await campaigns.connection.execute(f"UPDATE outbound_call_runs SET {END} WHERE id = $1", run)
    await campaigns.connection.execute(
        "UPDATE outbound_call_runs SET lock_ts = now(), last_heartbeat_at = now(), locked_by_worker = '' WHERE id = $1",
        run,
    )
    row = await campaigns.run_row(run)
    assert (row["locked_by_worker"], row["lock_ts"], row["last_heartbeat_at"]) == (None, None, None)


async def test_the_cursor_never_falls(connection: asyncpg.Connection, run: int) -> None:
    """Progress that runs backwards says that somebody will be rung again."""
    await connection.execute("UPDATE outbound_call_runs SET cursor_position = 2 WHERE id = $1", run)
    with pytest.raises(CheckViolationError, match="never falls"):
        await connection.execute("UPDATE outbound_call_runs SET cursor_position = 1 WHERE id = $1", run)
    with pytest.raises(CheckViolationError, match="runs_cursor_within"):
        await connection.execute("UPDATE outbound_call_runs SET cursor_position = 3 WHERE id = $1", run)


async def test_an_outcome_fits_its_status(connection: asyncpg.Connection, job: int) -> None:
    """A completed job that was never dialled, or a queued one with an outcome, makes every count a lie."""
    fitting: set[tuple[str, str | None]] = {(job_status_for(outcome).value, outcome.value) for outcome in Outcome}
    fitting |= {(status.value, None) for status in JobStatus if status not in (JobStatus.COMPLETED, JobStatus.FAILED)}
    words: list[str | None] = [None, "duplicate", *(outcome.value for outcome in Outcome)]
    allowed = {
        (status.value, outcome)
        for status in JobStatus
        for outcome in words
        if not await _refused(connection, "status = $2, outcome = $3", job, status.value, outcome)
    }
    assert allowed == fitting


async def _refused(connection: asyncpg.Connection, change: str, job: int, *values: str | None) -> str | None:
    """Try a change of a job, take it back, and return what refused it."""
    change_back = connection.transaction()
    await change_back.start()
    try:
        await connection.execute(f"UPDATE outbound_call_jobs SET {change} WHERE id = $1", job, *values)
    except CheckViolationError as error:
        return error.constraint_name or str(error)
    else:
        return None
    finally:
        await change_back.rollback()


async def test_a_job_that_is_over_stays_over(connection: asyncpg.Connection, run: int) -> None:
    """A job that comes back is a person rung twice."""
    jobs = await connection.fetch("SELECT id FROM outbound_call_jobs WHERE run_id = $1", run)
    ends = {"completed": "answered", "failed": "failed", "cancelled": None}
    for job, (over, outcome) in zip([jobs[0], jobs[1], jobs[1]], ends.items(), strict=True):
        change = "UPDATE outbound_call_jobs SET status = $2, outcome = $3 WHERE id = $1"
        await connection.execute(change, job["id"], over, outcome)
        for again in ("queued", "dialing", "in_progress"):
            refusal = await _refused(connection, "status = $2, outcome = NULL", job["id"], again)
            assert refusal is not None
            assert "is over and stays over" in refusal


async def test_a_job_that_goes_back_lies_above_the_floor(campaigns: Campaigns, business: int, run: int) -> None:
    """A queued job below the floor is never claimed, and its run never ends."""
    first, _ = await campaigns.claim(business)
    assert (await campaigns.run_row(run))["claim_floor"] > first["job_id"]
    await campaigns.connection.execute("UPDATE outbound_call_jobs SET status = 'queued' WHERE id = $1", first["job_id"])
    assert (await campaigns.run_row(run))["claim_floor"] == first["job_id"]


async def test_an_open_job_has_a_lead(connection: asyncpg.Connection, job: int) -> None:
    """Nobody could be rung for it, so its run would never end."""
    with pytest.raises(CheckViolationError, match="jobs_open_has_lead"):
        await connection.execute("UPDATE outbound_call_jobs SET lead_id = NULL WHERE id = $1", job)


async def test_a_business_keeps_within_its_limits(connection: asyncpg.Connection, business: int) -> None:
    """A cap or rate of nothing dials never, one without bound dials everybody at once."""
    for bad in (
        "max_concurrent_calls = 0",
        "calls_per_second = 0",
        "calls_per_second = 1e-13",
        "calls_per_second = 'NaN'",
        "locale = 'fr'",
        "account_id = (SELECT min(id) FROM accounts)",
    ):
        with pytest.raises(CheckViolationError, match="businesses_"):
            await connection.execute(f"UPDATE businesses SET {bad} WHERE id = $1", business)


async def test_one_account_is_the_shared_one(campaigns: Campaigns, business: int) -> None:
    """With two it would be chance whose rate and breaker hold."""
    with pytest.raises(UniqueViolationError, match="accounts_one_shared"):
        await campaigns.account(shared=True)


async def test_a_callback_is_recorded_once(campaigns: Campaigns, business: int, run: int) -> None:
    """A repeated delivery must not count as another event."""
    call = (await campaigns.claim(business))[0]
    insert = """INSERT INTO call_events (business_id, call_id, call_sid, event, sequence, fields)
                VALUES ($1, $2, 'CA1', 'ringing', $3, '{}')"""
    for sequence in (1, None):
        await campaigns.connection.execute(insert, business, call["call_id"], sequence)
        with pytest.raises(UniqueViolationError, match="call_events_once"):
            await campaigns.connection.execute(insert, business, call["call_id"], sequence)
