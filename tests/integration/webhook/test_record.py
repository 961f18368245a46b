"""What a callback does to a call, its job and its run, whatever else happens to them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from shared import metrics
from shared.events import SlotReleased
from tests.integration.campaigns import new_sid
from tests.integration.webhook.desk import Desk


def metric(name: str, **labels: str) -> float:
    return metrics.REGISTRY.get_sample_value(f"ringfence_{name}_total", labels) or 0


def logged(lines: Any, event: str) -> list[dict[str, Any]]:
    return [line for line in lines if line["event"] == event]


@pytest.mark.parametrize(
    ("status", "more", "outcome", "job_status", "code"),
    [
        ("completed", {}, "answered", "completed", None),
        ("completed", {"AnsweredBy": "human"}, "answered", "completed", None),
        ("completed", {"AnsweredBy": "machine_start"}, "machine", "completed", None),
        ("completed", {"AnsweredBy": "fax"}, "machine", "completed", None),
        ("busy", {"SipResponseCode": "486"}, "busy", "completed", None),
        ("no-answer", {}, "no_answer", "completed", None),
        ("canceled", {}, "canceled", "completed", None),
        ("failed", {"SipResponseCode": "404"}, "failed", "failed", "sip:404"),
    ],
)
async def test_each_end_gives_its_outcome_and_frees_the_slot(
    desk: Desk, status: str, more: dict[str, str], outcome: str, job_status: str, code: str | None
) -> None:
    call, sid = await desk.call(), new_sid()
    before = metric("calls_ended", outcome=outcome)

    with capture_logs() as lines:
        assert (await desk.provider.status(call, status, sid, 2, **more)).status_code == 204

    row, job = await desk.campaigns.call(call), await desk.campaigns.job(call)
    assert (row["state"], row["outcome"], row["error_code"]) == ("ended", outcome, code)
    assert (job["status"], job["outcome"], job["error_code"]) == (job_status, outcome, code)
    assert metric("calls_ended", outcome=outcome) == before + 1
    ids = {"business_id": call["business_id"], "run_id": call["run_id"], "job_id": call["job_id"]}
    assert desk.hints == [SlotReleased(**ids, call_sid=sid, outcome=outcome)]
    for event in ("CALL_ENDED", "SLOT_RELEASED"):
        (line,) = logged(lines, event)
        assert line == line | ids | {"call_id": call["call_id"], "call_sid": sid, "outcome": outcome}
    (ended,) = logged(lines, "RUN_ENDED")
    assert (ended["run_id"], ended["status"]) == (call["run_id"], "completed")
    assert (await desk.campaigns.run_row(call["run_id"]))["status"] == "completed"


async def test_an_end_that_overtakes_the_creates_answer_stays(desk: Desk) -> None:
    call, sid = await desk.call(), new_sid()
    await desk.provider.status(call, "busy", sid, 2)
    ended = await desk.campaigns.call(call)

    assert await desk.campaigns.dialled(call, "accepted", sid) == "accepted"

    row, job = await desk.campaigns.call(call), await desk.campaigns.job(call)
    assert (row["state"], row["outcome"], row["ended_at"]) == ("ended", "busy", ended["ended_at"])
    assert (row["next_check_at"], row["hangup_at"]) == (None, None)
    assert (job["status"], job["outcome"]) == ("completed", "busy")
    assert len(desk.released) == 1


async def test_a_lost_answer_after_an_early_callback_changes_nothing(desk: Desk) -> None:
    call, sid = await desk.call(), new_sid()
    await desk.provider.status(call, "ringing", sid)
    assert await desk.campaigns.dialled(call, "ambiguous") == "overtaken"
    assert (await desk.campaigns.call(call))["state"] == "ringing"


@pytest.mark.parametrize("status", ["initiated", "ringing", "in-progress", "completed"])
async def test_any_callback_settles_an_uncertain_call(desk: Desk, status: str) -> None:
    call, sid = await desk.call(), new_sid()
    await desk.campaigns.dialled(call, "ambiguous")
    before = metric("calls_settled", how="callback")

    with capture_logs() as lines:
        await desk.provider.status(call, status, sid)

    row = await desk.campaigns.call(call)
    assert (row["call_sid"], row["sid_is_guess"], row["denied_at"], row["error_code"]) == (sid, False, None, None)
    assert row["state"] != "uncertain"
    assert metric("calls_settled", how="callback") == before + 1
    (line,) = logged(lines, "CALL_SETTLED")
    assert (line["how"], line["call_id"], line["call_sid"]) == ("callback", call["call_id"], sid)
    assert len(desk.released) == (status == "completed")


async def test_a_repeat_is_answered_and_logged_and_changes_nothing(desk: Desk) -> None:
    call, sid = await desk.call(), new_sid()
    await desk.provider.status(call, "completed", sid, 3)
    before = await desk.campaigns.call(call)
    with capture_logs() as lines:
        assert (await desk.provider.status(call, "completed", sid, 3)).status_code == 204
    assert await desk.campaigns.call(call) == before
    (line,) = logged(lines, "DEDUP_CONFLICT")
    assert (line["dedup_conflict"], line["action"], line["call_id"]) == (True, "repeat", call["call_id"])
    assert len(desk.released) == 1


@pytest.mark.parametrize(
    ("first", "second", "stands"),
    [
        (("busy", 2), ("completed", 3), "answered"),
        (("completed", 3), ("busy", 2), "answered"),
        (("failed", 1), ("no-answer", 2), "no_answer"),
        (("completed", 3), ("failed", 4), "failed"),
        (("completed", None), ("failed", None), "answered"),
        (("completed", 3), ("failed", 3), "answered"),
    ],
)
async def test_of_two_different_ends_the_higher_sequence_number_wins_and_it_is_logged(
    desk: Desk, first: tuple[str, int | None], second: tuple[str, int | None], stands: str
) -> None:
    call, sid = await desk.call(), new_sid()
    await desk.provider.status(call, first[0], sid, first[1])
    ended_at = (await desk.campaigns.call(call))["ended_at"]

    with capture_logs() as lines:
        await desk.provider.status(call, second[0], sid, second[1])

    row, job = await desk.campaigns.call(call), await desk.campaigns.job(call)
    assert (row["state"], row["outcome"], row["ended_at"]) == ("ended", stands, ended_at)
    assert (job["outcome"], job["status"]) == (stands, "failed" if stands == "failed" else "completed")
    (line,) = logged(lines, "DEDUP_CONFLICT")
    assert (line["action"], line["outcome"]) == ("other_end", stands)
    assert len(desk.released) == 1


async def test_the_last_end_of_a_cancelled_run_ends_it_cancelled(desk: Desk) -> None:
    business = await desk.campaigns.business(cap=2)
    run = await desk.campaigns.run(business, 5)
    first, second = await desk.campaigns.claim_so_many(business, 2)
    await desk.campaigns.rows("SELECT * FROM ringfence_cancel_run($1, $2)", business, run)

    await desk.provider.status(first, "completed", new_sid())
    assert (await desk.campaigns.run_row(run))["status"] == "running"
    await desk.provider.status(second, "busy", new_sid())

    row = await desk.campaigns.run_row(run)
    assert (row["status"], row["end_reason"]) == ("cancelled", "cancelled")
    assert (row["locked_by_worker"], row["last_heartbeat_at"]) == (None, None)


async def test_a_run_ended_early_goes_on_counting_its_live_calls(desk: Desk) -> None:
    call = await desk.call()
    await desk.campaigns.rows("SELECT * FROM ringfence_stop_run($1, $2)", call["business_id"], call["run_id"])
    await desk.provider.status(call, "no-answer", new_sid())
    assert (await desk.campaigns.job(call))["outcome"] == "no_answer"
    row = await desk.campaigns.run_row(call["run_id"])
    assert (row["status"], row["end_reason"]) == ("stopped", "stopped")
    assert len(desk.released) == 1


async def test_a_hang_up_asked_for_before_the_sid_was_known_is_honoured_with_it(desk: Desk) -> None:
    call = await desk.call()
    force = "SELECT * FROM ringfence_force_cancel_run($1, $2, true)"
    await desk.campaigns.rows(force, call["business_id"], call["run_id"])
    await desk.provider.status(call, "ringing", new_sid())
    (due,) = await desk.campaigns.rows("SELECT id FROM calls WHERE hangup_at <= clock_timestamp()")
    assert due["id"] == call["call_id"]
    await desk.provider.status(call, "canceled", (await desk.campaigns.call(call))["call_sid"])
    assert (await desk.campaigns.call(call))["hangup_at"] is None


TAKE = "SELECT call_id FROM ringfence_take_checks(20, p_grace => '60 s')"
PAUSE = "SELECT next_check_at - last_heard_at AS pause, checks FROM calls"
AGE = """
    UPDATE calls SET next_check_at = next_check_at - $1 * interval '1 s',
        last_heard_at = last_heard_at - $1 * interval '1 s'
"""


async def test_a_call_that_was_heard_of_is_not_looked_up_before_it_has_been_quiet_for_the_grace(desk: Desk) -> None:
    call = await desk.call()
    await desk.provider.status(call, "ringing", new_sid())
    await desk.campaigns.rows(AGE, 30)
    assert await desk.campaigns.rows(TAKE) == []
    (row,) = await desk.campaigns.rows(PAUSE)
    assert (row["pause"], row["checks"]) == (timedelta(seconds=60), 0)
    await desk.campaigns.rows(AGE, 31)
    (taken,) = await desk.campaigns.rows(TAKE)
    assert taken["call_id"] == call["call_id"]


@pytest.mark.parametrize("looks", [0, 9])
async def test_a_callback_brings_a_look_back_that_lies_beyond_the_grace(desk: Desk, looks: int) -> None:
    """When this breaks a call that waited in a queue, or was looked up often, is not looked up when it falls silent."""
    call = await desk.call()
    await desk.campaigns.rows("UPDATE calls SET checks = $1, next_check_at = now() + interval '10 min'", looks)
    await desk.provider.status(call, "ringing", new_sid())
    (row,) = await desk.campaigns.rows(PAUSE)
    assert (row["pause"], row["checks"]) == (timedelta(seconds=60), 0)


async def test_a_sid_of_another_call_is_kept_in_the_events_alone(desk: Desk) -> None:
    """When this breaks one contradictory callback fails the whole batch that it waits in."""
    mine, other, sid = await desk.call(), await desk.call(), new_sid()
    await desk.provider.status(other, "ringing", sid)
    with capture_logs() as lines:
        assert (await desk.provider.status(mine, "completed", sid)).status_code == 204
    row = await desk.campaigns.call(mine)
    assert (row["state"], row["call_sid"]) == ("dialing", None)
    assert [line["action"] for line in logged(lines, "DEDUP_CONFLICT")] == ["foreign_sid"]
    assert desk.released == []
    assert await desk.campaigns.dialled(mine, "accepted", sid) == "uncertain"
