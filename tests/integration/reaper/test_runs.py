"""Quiet, stale and left-over runs; NUDGE_AFTER is 500 s here and STALE_AFTER 3,000 s."""

from __future__ import annotations

import asyncio
import time

import pytest
import structlog

from shared import corrections, metrics
from shared.errors import DatabaseAway
from shared.events import RunStale
from shared.queries import sweeps
from tests.integration.campaigns import WORKER
from tests.integration.reaper.rig import Reaper, Rig


async def running(rig: Rig, leads: int = 3, cap: int = 1) -> int:
    """A run with one call claimed; its dispatcher is never heard of again."""
    business = await rig.campaigns.business(cap=cap)
    run = await rig.campaigns.run(business, leads)
    await rig.campaigns.claim(business)
    return run


async def beat(rig: Rig) -> None:
    await rig.campaigns.connection.execute("SELECT * FROM ringfence_beat($1, $2)", WORKER, rig.campaigns.epoch)


async def test_a_quiet_run_is_nudged_once_per_nudge_after_whatever_the_number_of_reapers(rig: Rig) -> None:
    run = await running(rig)
    other = await rig.another()
    await rig.pass_time(400)
    await asyncio.gather(rig.reaper.sweeper.runs(), other.sweeper.runs())
    assert nudges(rig.reaper, other) == []
    await rig.pass_time(150)
    with structlog.testing.capture_logs() as logs:
        for _ in range(3):
            await asyncio.gather(rig.reaper.sweeper.runs(), other.sweeper.runs())
    assert nudges(rig.reaper, other) == [run]
    assert [line["action"] for line in logs if line["event"] == "STALE_DETECTION"] == ["nudged"]
    await rig.pass_time(550)
    await asyncio.gather(rig.reaper.sweeper.runs(), other.sweeper.runs())
    assert nudges(rig.reaper, other) == [run, run]


def nudges(*reapers: Reaper) -> list[int]:
    return [e.run_id for r in reapers for e in r.events if isinstance(e, RunStale) and not e.corrected]


async def test_a_run_is_corrected_when_its_nudge_was_not_answered_for_long_enough(rig: Rig) -> None:
    run = await running(rig)
    before = metrics.STALE_RUNS.labels(action="corrected")._value.get()
    await rig.pass_time(600)
    await rig.reaper.sweeper.runs()
    await rig.pass_time(2400)
    await rig.reaper.sweeper.runs()
    assert (await rig.campaigns.run_row(run))["status"] == "running"
    await rig.pass_time(150)
    with structlog.testing.capture_logs() as logs:
        await rig.reaper.sweeper.runs()
    row = await rig.campaigns.run_row(run)
    jobs = await rig.campaigns.rows("SELECT status, outcome FROM outbound_call_jobs WHERE run_id = $1 ORDER BY id", run)
    assert (row["status"], row["end_reason"], row["locked_by_worker"]) == ("stopped", "stale", None)
    assert [(job["status"], job["outcome"]) for job in jobs] == [
        ("dialing", None),
        ("failed", "not_dialed"),
        ("failed", "not_dialed"),
    ]
    assert [e.run_id for e in rig.told(RunStale) if e.corrected] == [run]
    assert metrics.STALE_RUNS.labels(action="corrected")._value.get() == before + 1
    assert {"nudged", "corrected"} >= {line["action"] for line in logs if line["event"] == "STALE_DETECTION"}
    assert "RUN_ENDED" in {line["event"] for line in logs}


async def test_a_beat_answers_a_nudge(rig: Rig) -> None:
    run = await running(rig)
    await rig.pass_time(600)
    await rig.reaper.sweeper.runs()
    await rig.pass_time(2000)
    await beat(rig)
    await rig.pass_time(600)
    await rig.reaper.sweeper.runs()
    row = await rig.campaigns.run_row(run)
    assert row["status"] == "running"
    await rig.pass_time(2000)
    await rig.reaper.sweeper.runs()
    assert (await rig.campaigns.run_row(run))["status"] == "running"


async def test_an_hour_without_anybody_makes_nothing_stale(rig: Rig) -> None:
    """An outage of the database: when it is back the run is nudged first, and a dispatcher has time to beat."""
    run = await running(rig)
    await rig.pass_time(360000)
    await rig.reaper.sweeper.runs()
    assert (await rig.campaigns.run_row(run))["status"] == "running"
    await beat(rig)
    await rig.pass_time(300)
    await rig.reaper.sweeper.runs()
    assert (await rig.campaigns.run_row(run))["nudged_at"] is None


async def test_a_pending_run_is_nudged_and_never_corrected(rig: Rig) -> None:
    run = await rig.campaigns.run(await rig.campaigns.business(), 1)
    for _ in range(5):
        await rig.pass_time(60000)
        await rig.reaper.sweeper.runs()
    assert (await rig.campaigns.run_row(run))["status"] == "pending"
    assert nudges(rig.reaper) == [run] * 5


async def test_a_cancelled_run_that_is_stale_ends_cancelled(rig: Rig) -> None:
    run = await running(rig)
    await rig.campaigns.connection.execute("UPDATE outbound_call_runs SET cancel_requested = true")
    for seconds in (600, 2600):
        await rig.pass_time(seconds)
        await rig.reaper.sweeper.runs()
    assert (await rig.campaigns.run_row(run))["status"] == "cancelled"


async def test_several_reapers_correct_a_run_once(rig: Rig) -> None:
    run = await running(rig)
    other = await rig.another()
    await rig.pass_time(600)
    await rig.reaper.sweeper.runs()
    await rig.pass_time(2600)
    await asyncio.gather(*(reaper.sweeper.runs() for reaper in (rig.reaper, other) for _ in range(3)))
    corrected = [e for r in (rig.reaper, other) for e in r.events if isinstance(e, RunStale) and e.corrected]
    assert [event.run_id for event in corrected] == [run]


async def test_nothing_is_corrected_right_after_the_database_was_away(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A nudge that nobody could answer for an outage's length must not end the run the moment the outage is over."""
    run = await running(rig)
    await rig.pass_time(600)
    await rig.reaper.sweeper.runs()
    with monkeypatch.context() as away:

        async def gone(*_: object) -> list[sweeps.QuietRun]:
            raise DatabaseAway

        away.setattr(sweeps, "nudge", gone)
        with pytest.raises(DatabaseAway):
            await rig.reaper.sweeper.runs()
    assert rig.reaper.health.ready()[0] == 503
    await rig.pass_time(10000)
    await rig.reaper.sweeper.runs()
    assert rig.reaper.health.ready()[0] == 200
    assert (await rig.campaigns.run_row(run))["status"] == "running"
    monkeypatch.setattr(corrections, "_outage_seen_at", time.monotonic() - 600)
    await rig.reaper.sweeper.runs()
    assert (await rig.campaigns.run_row(run))["status"] == "stopped"


async def test_queued_jobs_of_a_run_that_was_ended_by_hand_are_closed(rig: Rig) -> None:
    by_hand = [await running(rig, leads=2) for _ in range(2)]
    untouched = await running(rig)
    for run, status in zip(by_hand, ("stopped", "failed"), strict=True):
        await rig.campaigns.connection.execute(
            """UPDATE outbound_call_runs SET status = $2, ended_at = now(), locked_by_worker = NULL, lock_ts = NULL,
               last_heartbeat_at = NULL WHERE id = $1""",
            run,
            status,
        )
    with structlog.testing.capture_logs() as logs:
        await rig.reaper.sweeper.runs()
        await rig.reaper.sweeper.runs()
    rows = await rig.campaigns.rows("SELECT run_id, status, outcome FROM outbound_call_jobs ORDER BY run_id, id")
    assert [(row["status"], row["outcome"]) for row in rows if row["run_id"] in by_hand] == [
        ("dialing", None),
        ("cancelled", None),
        ("dialing", None),
        ("failed", "not_dialed"),
    ]
    assert [row["status"] for row in rows if row["run_id"] == untouched] == ["dialing", "queued", "queued"]
    assert [line["run_id"] for line in logs if line["event"] == "CLEANUP"] == by_hand


async def test_an_active_run_without_an_open_job_is_ended_after_five_minutes(rig: Rig) -> None:
    """Breaks when the reaper runs ahead of an operator who edits jobs by hand and then reconciles."""
    run = await running(rig, leads=2)
    await rig.campaigns.connection.execute("UPDATE outbound_call_jobs SET status = 'cancelled' WHERE run_id = $1", run)
    with structlog.testing.capture_logs() as logs:
        await rig.reaper.sweeper.runs()
        assert (await rig.campaigns.run_row(run))["status"] == "running"
        await rig.campaigns.connection.execute(
            "UPDATE outbound_call_runs SET updated_at = now() - interval '5 min' WHERE id = $1", run
        )
        await rig.reaper.sweeper.runs()
        await rig.reaper.sweeper.runs()
    assert (await rig.campaigns.run_row(run))["status"] == "failed"
    assert [line["run_id"] for line in logs if line["event"] == "RUN_ENDED"] == [run]


async def test_a_quiet_run_without_an_open_job_is_corrected_as_stale(rig: Rig) -> None:
    run = await running(rig, leads=2)
    await rig.campaigns.connection.execute(
        "UPDATE outbound_call_jobs SET status = 'completed', outcome = 'busy' WHERE run_id = $1", run
    )
    for seconds in (60000, 2600):
        await rig.pass_time(seconds)
        await rig.reaper.sweeper.runs()
    row = await rig.campaigns.run_row(run)
    assert (row["status"], row["end_reason"]) == ("completed", "stale")


async def test_a_run_of_100_000_leads_is_corrected_within_a_statement(rig: Rig) -> None:
    business = await rig.campaigns.business(cap=1)
    await rig.campaigns.connection.execute(
        """INSERT INTO leads (business_id, phone) SELECT $1, '+1212' || n FROM generate_series(1000000, 1099999) n""",
        business,
    )
    leads = [row["id"] for row in await rig.campaigns.rows("SELECT id FROM leads ORDER BY id")]
    run = await rig.campaigns.run(business, leads)
    await rig.campaigns.claim(business)
    for seconds in (600, 2600):
        await rig.pass_time(seconds)
        await rig.reaper.sweeper.runs()
    (count,) = await rig.campaigns.rows("SELECT count(*) FROM outbound_call_jobs WHERE outcome = 'not_dialed'")
    assert (await rig.campaigns.run_row(run))["status"] == "stopped"
    assert count["count"] == 99_999


async def test_callbacks_go_after_30_days_and_idempotency_keys_after_24_hours(rig: Rig) -> None:
    call, sid = await rig.live_call()
    await rig.campaigns.connection.execute(
        """INSERT INTO call_events (business_id, call_id, call_sid, event, sequence, fields, received_at)
           SELECT $1, $2, $3, 'completed', n, '{}', now() - n * interval '1 day'
           FROM generate_series(2500, 0, -1) n""",
        call["business_id"],
        call["call_id"],
        sid,
    )
    await rig.campaigns.connection.execute(
        """INSERT INTO idempotency_keys (business_id, key, body_hash, run_id, answer, created_at)
           SELECT $1, n::text, '', $2, '{}', now() - n * interval '1 hour' FROM generate_series(0, 2000) n""",
        call["business_id"],
        call["run_id"],
    )
    await rig.reaper.sweeper.old_rows()
    (events,) = await rig.campaigns.rows("SELECT count(*), max(sequence) FROM call_events")
    (keys,) = await rig.campaigns.rows("SELECT count(*) FROM idempotency_keys")
    assert (events["count"], events["max"], keys["count"]) == (30, 29, 24)
