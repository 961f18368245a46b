"""What the first migration makes of an older system's tables."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest
from structlog.testing import capture_logs

from shared.migrations.upgrade import upgrade
from tests.integration.campaigns import campaigns_in
from tests.integration.schema.dump import dump
from tests.integration.schema.old_system import BARE, FULL


async def _migrated(url: str, system: str) -> tuple[dict[int, Mapping[str, Any]], dict[int, Mapping[str, Any]]]:
    """Build the old system, migrate it, and return its runs and jobs by id."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(system)
        await upgrade(url)
        runs = await connection.fetch("SELECT * FROM outbound_call_runs")
        jobs = await connection.fetch("SELECT * FROM outbound_call_jobs")
    finally:
        await connection.close()
    return {row["id"]: row for row in runs}, {row["id"]: row for row in jobs}


async def test_runs_get_an_owner_a_known_status_and_true_counts(empty_database_url: str) -> None:
    runs, _ = await _migrated(empty_database_url, FULL)
    assert {id_: (run["business_id"], run["status"]) for id_, run in runs.items()} == {
        1: (7, "running"),
        2: (5, "pending"),
        4: (8, "completed"),
        5: (8, "stopped"),
        6: (9, "failed"),
        7: (9, "pending"),
    }
    assert {id_: (run["total_leads"], run["cursor_position"]) for id_, run in runs.items()} == {
        1: (7, 4),
        2: (2, 1),
        4: (1, 1),
        5: (1, 0),
        6: (0, 0),
        7: (1, 0),
    }
    assert not any(run["cancel_requested"] for run in runs.values())
    assert {run["on_uncertain"] for run in runs.values()} == {"redial_when_absent"}


async def test_open_runs_get_the_heartbeat_they_are_judged_by(empty_database_url: str) -> None:
    runs, _ = await _migrated(empty_database_url, FULL)
    assert runs[1]["last_heartbeat_at"] == datetime(2026, 1, 1, 12, tzinfo=UTC)  # lock_ts
    assert runs[2]["last_heartbeat_at"] == datetime(2026, 1, 2, 11, tzinfo=UTC)  # updated_at, over a heartbeat
    assert runs[7]["last_heartbeat_at"] == datetime(2026, 1, 7, 10, tzinfo=UTC)  # created_at


async def test_ended_runs_have_an_end_and_no_owner(empty_database_url: str) -> None:
    runs, _ = await _migrated(empty_database_url, FULL)
    assert runs[4]["ended_at"] == datetime(2026, 1, 4, 11, tzinfo=UTC)
    assert all(runs[id_]["ended_at"] for id_ in (4, 5, 6))
    assert all(runs[id_]["ended_at"] is None for id_ in (1, 2, 7))
    locks = ("locked_by_worker", "lock_ts", "last_heartbeat_at")
    assert all(runs[id_][column] is None for id_ in (4, 5, 6) for column in locks)


async def test_of_doubled_jobs_the_oldest_stays(empty_database_url: str) -> None:
    """Two jobs for one lead are two calls to one person; a double without a lead is a double as well."""
    _, jobs = await _migrated(empty_database_url, FULL)
    assert {15, 16, 18} <= set(jobs)
    assert not {14, 17, 19} & set(jobs)
    assert jobs[15]["status"] == "queued"
    assert (jobs[18]["status"], jobs[18]["outcome"], jobs[18]["twilio_call_sid"]) == ("completed", "no_answer", "CA19")


async def test_orphans_go_and_are_counted_in_the_log(empty_database_url: str) -> None:
    with capture_logs() as lines:
        _, jobs = await _migrated(empty_database_url, FULL)
    assert not {20, 21, 33, 34} & set(jobs)
    counts = {line["action"]: line["rows"] for line in lines if line["event"] == "CLEANUP"}
    assert counts["orphaned_jobs_removed"] == 4
    assert counts["runs_of_nobody_removed"] == 1
    assert counts["doubled_jobs_removed"] == 3


async def test_jobs_take_their_runs_business_and_states_that_are_true(empty_database_url: str) -> None:
    _, jobs = await _migrated(empty_database_url, FULL)
    assert {jobs[id_]["business_id"] for id_ in (11, 12, 13, 15, 16, 18, 22)} == {7}
    assert {jobs[id_]["business_id"] for id_ in (31, 32)} == {5}
    found = {id_: (job["status"], job["outcome"], job["attempts"], job["dialed"]) for id_, job in jobs.items()}
    assert found == {
        11: ("completed", "answered", 1, True),
        12: ("queued", None, 0, False),
        13: ("failed", "uncertain", 1, True),  # dialing without a call: its fate is not known
        15: ("queued", None, 0, False),
        16: ("failed", "not_dialed", 0, False),  # nobody to ring
        18: ("completed", "no_answer", 0, True),
        22: ("failed", "failed", 1, True),
        31: ("queued", None, 0, False),
        32: ("failed", "failed", 1, True),  # of a status that says nothing; perhaps it was rung
        41: ("completed", "answered", 1, True),
        51: ("failed", "not_dialed", 0, False),  # its run is over
        71: ("failed", "not_dialed", 0, False),  # its lead is no number
    }
    assert jobs[11]["dial_lock_token"] is None
    assert str(jobs[13]["dial_lock_token"]) == "d8c0c6ac-7f8a-4c3e-9c3d-0a6f7c1f0f11"


async def test_a_system_with_hardly_any_column_is_taken_over(empty_database_url: str) -> None:
    runs, jobs = await _migrated(empty_database_url, BARE)
    assert {id_: (run["business_id"], run["status"], run["total_leads"]) for id_, run in runs.items()} == {
        1: (7, "running", 2),
        5: (8, "completed", 1),
        6: (7, "pending", 0),  # shared its number with a run of nobody
        7: (8, "pending", 0),  # had none
    }
    assert runs[1]["last_heartbeat_at"] == datetime(2026, 1, 1, 11, tzinfo=UTC)
    assert sorted((job["run_id"], job["lead_id"], job["status"]) for job in jobs.values()) == [
        (1, 101, "queued"),
        (1, 102, "failed"),
        (5, 105, "completed"),
    ]


@pytest.mark.parametrize("system", [FULL, BARE], ids=["full", "bare"])
async def test_new_runs_are_dialled_in_an_old_database(empty_database_url: str, system: str) -> None:
    """The old system's rules, defaults and number sequences must not refuse or bend our rows."""
    await _migrated(empty_database_url, system)
    async with campaigns_in(empty_database_url) as made:
        await made.account(shared=True)
        await made.connection.execute("UPDATE businesses SET from_number = '+15005550006', calls_per_second = 1000")
        for _ in range(2):
            run = await made.run(7, 2)
            calls = await made.claim_so_many(7, 1)
            assert calls[0]["run_id"] == run
            job = await made.job(calls[0])
            assert (job["status"], job["outcome"], job["attempts"]) == ("dialing", None, 1)
            await made.connection.execute("SELECT ringfence_stop_run(7, $1)", run)


@pytest.mark.parametrize("system", [FULL, BARE], ids=["full", "bare"])
async def test_a_second_migration_changes_nothing(empty_database_url: str, system: str) -> None:
    await _migrated(empty_database_url, system)
    before = await dump(empty_database_url)
    await upgrade(empty_database_url)
    assert await dump(empty_database_url) == before
