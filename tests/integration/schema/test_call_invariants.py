"""What PostgreSQL refuses of calls, whatever the code does."""

from collections.abc import Mapping
from typing import Any

import asyncpg
import pytest
from asyncpg.exceptions import CheckViolationError, ForeignKeyViolationError, UniqueViolationError

from tests.integration.campaigns import Campaigns, new_sid


async def _hand_written(connection: asyncpg.Connection, job: int, slot: int | None, **columns: Any) -> int:
    """Insert a call for a job as a statement by hand would, and return its id."""
    owner = await connection.fetchrow("SELECT business_id, run_id FROM outbound_call_jobs WHERE id = $1", job)
    assert owner is not None
    values = {"business_id": owner["business_id"], "run_id": owner["run_id"], "job_id": job, "slot_no": slot, **columns}
    names, marks = ", ".join(values), ", ".join(f"${at}" for at in range(1, len(values) + 1))
    insert = f"INSERT INTO calls ({names}) VALUES ({marks}) RETURNING id"
    return int(await connection.fetchval(insert, *values.values()))


async def _jobs(campaigns: Campaigns, run: int) -> list[int]:
    rows = await campaigns.rows("SELECT id FROM outbound_call_jobs WHERE run_id = $1 ORDER BY id", run)
    return [row["id"] for row in rows]


@pytest.fixture
async def business(campaigns: Campaigns) -> int:
    await campaigns.account(shared=True)
    return await campaigns.business(cap=3)


@pytest.fixture
async def jobs(campaigns: Campaigns, business: int) -> list[int]:
    """Six queued jobs of one run."""
    return await _jobs(campaigns, await campaigns.run(business, 6))


async def test_a_slot_number_is_held_once(connection: asyncpg.Connection, jobs: list[int]) -> None:
    """Two calls on one slot number are one call more than the business allowed."""
    await _hand_written(connection, jobs[0], 0)
    with pytest.raises(UniqueViolationError, match="calls_slot_once"):
        await _hand_written(connection, jobs[1], 0)


async def test_a_live_call_takes_a_slot_below_the_cap(connection: asyncpg.Connection, jobs: list[int]) -> None:
    """A number at or above the cap is a call beyond what the business allows at once."""
    with pytest.raises(CheckViolationError, match="not below the cap"):
        await _hand_written(connection, jobs[0], 3)
    with pytest.raises(CheckViolationError, match="calls_live_has_slot"):
        await _hand_written(connection, jobs[0], -1)
    assert await _hand_written(connection, jobs[0], 2)


async def test_lowering_the_cap_leaves_live_calls_alone(campaigns: Campaigns, business: int, jobs: list[int]) -> None:
    """A call cannot be un-rung, so its row must go on being written after the cap has sunk below its slot."""
    held = await _hand_written(campaigns.connection, jobs[0], 2)
    await campaigns.connection.execute("UPDATE businesses SET max_concurrent_calls = 1 WHERE id = $1", business)
    for change in (
        "state = 'accepted', call_sid = 'CA1', accepted_at = now()",
        "state = 'answered', answered_at = now()",
        "state = 'ended', outcome = 'answered', ended_at = now()",
    ):
        await campaigns.connection.execute(f"UPDATE calls SET {change} WHERE id = $1", held)
    with pytest.raises(CheckViolationError, match="not below the cap"):
        await _hand_written(campaigns.connection, jobs[1], 1)


async def test_a_job_has_one_live_call(connection: asyncpg.Connection, jobs: list[int]) -> None:
    """Two live calls of one job ring one person twice."""
    await _hand_written(connection, jobs[0], 0)
    with pytest.raises(UniqueViolationError, match="calls_job_live_once"):
        await _hand_written(connection, jobs[0], 1)


async def test_a_lead_has_one_live_call_in_all_runs(campaigns: Campaigns, business: int) -> None:
    """Two runs that name one lead must not ring the person at the same time."""
    leads = await campaigns.leads(business, 1)
    first, second = [(await _jobs(campaigns, await campaigns.run(business, leads)))[0] for _ in range(2)]
    await _hand_written(campaigns.connection, first, 0, call_sid="CA1", state="accepted")
    with pytest.raises(UniqueViolationError, match="calls_lead_live_once"):
        await _hand_written(campaigns.connection, second, 1, call_sid="CA2", state="accepted")


async def test_a_sid_has_one_row(connection: asyncpg.Connection, jobs: list[int]) -> None:
    """A provider's call that two rows claim would end both, and free a slot that is not free."""
    sid = new_sid()
    await _hand_written(connection, jobs[0], 0, call_sid=sid, state="accepted")
    with pytest.raises(UniqueViolationError, match="calls_sid_once"):
        await _hand_written(connection, jobs[1], 1, call_sid=sid, state="accepted")


async def test_a_token_has_one_row(campaigns: Campaigns, connection: asyncpg.Connection, jobs: list[int]) -> None:
    """A callback carries nothing but the token: with two rows it would not be known whose it is."""
    first = await _hand_written(connection, jobs[0], 0)
    token = await connection.fetchval("SELECT dial_token FROM calls WHERE id = $1", first)
    with pytest.raises(UniqueViolationError, match="calls_token_key"):
        await _hand_written(connection, jobs[1], 1, dial_token=token)


@pytest.mark.parametrize("known", [{}, {"call_sid": "CA1", "sid_is_guess": True}], ids=["no sid", "a guess"])
async def test_a_number_has_one_unsure_call_on_an_account(campaigns: Campaigns, known: Mapping[str, Any]) -> None:
    """A listing by To and From shows both, and neither could be told from the other."""
    await campaigns.account(shared=True)
    phone, jobs = "+972501112233", []
    for _ in range(2):
        owner = await campaigns.business()
        insert = "INSERT INTO leads (business_id, phone) VALUES ($1, $2) RETURNING id"
        lead = await campaigns.connection.fetchval(insert, owner, phone)
        jobs += await _jobs(campaigns, await campaigns.run(owner, [lead]))
    await _hand_written(campaigns.connection, jobs[0], 0, **known)
    with pytest.raises(UniqueViolationError, match="calls_number_unsure_once"):
        await _hand_written(campaigns.connection, jobs[1], 0)
    await campaigns.connection.execute("UPDATE calls SET call_sid = 'CA2', sid_is_guess = false")
    assert await _hand_written(campaigns.connection, jobs[1], 0)


async def test_a_call_points_at_nothing_of_another_business(campaigns: Campaigns, jobs: list[int]) -> None:
    """A call of one business for another's job, run or lead would show and bill one business's person to another."""
    other = await campaigns.business()
    foreign = await _jobs(campaigns, await campaigns.run(other, 1))
    row = (await campaigns.rows("SELECT run_id, lead_id FROM outbound_call_jobs WHERE id = $1", foreign[0]))[0]
    job = (await campaigns.rows("SELECT business_id, run_id, lead_id FROM outbound_call_jobs WHERE id = $1", jobs[0]))[
        0
    ]
    insert = """INSERT INTO calls (business_id, run_id, job_id, lead_id, slot_no, to_number, from_number, account_id,
        expires_at) SELECT $1, $2, $3, $4, 0, '+1', '+1', min(id), now() FROM accounts"""
    for change in (
        {"run_id": row["run_id"]},
        {"lead_id": row["lead_id"]},
        {"job_id": foreign[0]},
        {"business_id": other},
    ):
        ids = {**dict(job), "job_id": jobs[0], **change}
        with pytest.raises(ForeignKeyViolationError):
            await campaigns.connection.execute(insert, ids["business_id"], ids["run_id"], ids["job_id"], ids["lead_id"])


@pytest.mark.parametrize("state", ["dialing", "uncertain", "accepted", "ringing", "answered"])
async def test_a_live_state_has_no_end(connection: asyncpg.Connection, jobs: list[int], state: str) -> None:
    """A live call with an end is a slot that counts as free while a phone rings."""
    with pytest.raises(CheckViolationError, match="calls_ended_exactly_when_over"):
        await connection.execute(
            "UPDATE calls SET ended_at = now(), state = $2, call_sid = 'CA1' WHERE id = $1",
            await _hand_written(connection, jobs[0], 0),
            state,
        )


@pytest.mark.parametrize("state", ["ended", "abandoned"])
async def test_an_over_state_has_an_end(connection: asyncpg.Connection, jobs: list[int], state: str) -> None:
    """A call that is over without an end holds its slot for ever."""
    held = await _hand_written(connection, jobs[0], 0)
    with pytest.raises(CheckViolationError, match="calls_ended_exactly_when_over"):
        await connection.execute("UPDATE calls SET state = $2, outcome = 'busy' WHERE id = $1", held, state)


@pytest.mark.parametrize("outcome", [None, "strange", "not_dialed"])
async def test_an_ended_call_says_how(connection: asyncpg.Connection, jobs: list[int], outcome: str | None) -> None:
    """A call without a known outcome is counted nowhere."""
    held = await _hand_written(connection, jobs[0], 0)
    with pytest.raises(CheckViolationError, match=r"calls_(outcome_known|ended_has_outcome)"):
        await connection.execute(
            "UPDATE calls SET state = 'ended', ended_at = now(), outcome = $2 WHERE id = $1", held, outcome
        )


async def test_an_ended_call_never_comes_back(connection: asyncpg.Connection, jobs: list[int]) -> None:
    """Its slot has been given to another, so a call that lives again is one too many."""
    held = await _hand_written(connection, jobs[0], 0)
    await connection.execute("UPDATE calls SET state = 'ended', outcome = 'busy', ended_at = now() WHERE id = $1", held)
    with pytest.raises(CheckViolationError, match="is over and stays over"):
        await connection.execute("UPDATE calls SET state = 'dialing', ended_at = NULL WHERE id = $1", held)


async def test_an_accepted_call_has_a_sid(connection: asyncpg.Connection, jobs: list[int]) -> None:
    """Without one it can neither be looked up nor hung up."""
    held = await _hand_written(connection, jobs[0], 0)
    with pytest.raises(CheckViolationError, match="calls_accepted_has_sid"):
        await connection.execute("UPDATE calls SET state = 'accepted' WHERE id = $1", held)


async def test_a_duplicate_names_its_original(connection: asyncpg.Connection, jobs: list[int]) -> None:
    """A duplicate that names none could not be told from a lead that was rung on purpose."""
    held = await _hand_written(connection, jobs[0], 0)
    with pytest.raises(CheckViolationError, match="calls_duplicate_marked"):
        await connection.execute(
            "UPDATE calls SET state = 'ended', ended_at = now(), outcome = 'duplicate' WHERE id = $1", held
        )
