"""Calls that should not be: second ones for a token, ones that had been given up, and ones taken for others."""

from __future__ import annotations

from typing import Any

import pytest
from structlog.testing import capture_logs

from shared import metrics
from tests.integration.campaigns import Row, new_sid
from tests.integration.webhook.desk import Desk


def detected() -> float:
    return metrics.REGISTRY.get_sample_value("ringfence_duplicate_calls_detected_total") or 0


def conflicts(lines: Any) -> list[str]:
    return [line["action"] for line in lines if line["event"] == "DEDUP_CONFLICT" and line["dedup_conflict"]]


async def hangups(desk: Desk) -> list[str]:
    due = "SELECT call_sid FROM calls WHERE hangup_at <= clock_timestamp() AND NOT sid_is_guess"
    return [row["call_sid"] for row in await desk.campaigns.rows(due)]


async def due_for_hangup(desk: Desk) -> int:
    return len(await desk.campaigns.rows("SELECT 1 FROM calls WHERE hangup_at IS NOT NULL"))


async def test_a_second_sid_gets_a_row_without_a_slot_and_is_hung_up(desk: Desk) -> None:
    call, first, second = await desk.call(), new_sid(), new_sid()
    before = detected(), metrics.REGISTRY.get_sample_value("ringfence_calls_ended_total", {"outcome": "duplicate"})
    await desk.campaigns.dialled(call, "accepted", first)

    with capture_logs() as lines:
        for status in ("initiated", "initiated", "ringing"):
            assert (await desk.provider.status(call, status, second)).status_code == 204

    (row,) = await desk.campaigns.rows("SELECT * FROM calls WHERE call_sid = $1", second)
    assert (row["state"], row["outcome"], row["duplicate_of"]) == ("ended", "duplicate", call["call_id"])
    assert (row["slot_no"], row["job_id"]) == (None, call["job_id"])
    assert (detected(), conflicts(lines)) == (before[0] + 1, ["second_sid", "repeat"])
    assert await hangups(desk) == [second]
    first_row = await desk.campaigns.call(call)
    assert (first_row["call_sid"], first_row["state"]) == (first, "accepted")

    await desk.provider.status(call, "completed", second)
    assert await due_for_hangup(desk) == 0
    assert (await desk.campaigns.call(call))["ended_at"] is None
    assert desk.released == []
    await desk.provider.status(call, "busy", first)
    assert (await desk.campaigns.job(call))["outcome"] == "busy"
    assert len(desk.released) == 1
    assert before[1] is not None
    ended = metrics.REGISTRY.get_sample_value("ringfence_calls_ended_total", {"outcome": "duplicate"})
    assert ended == before[1] + 1


async def test_a_second_sid_first_heard_of_at_its_end_is_not_hung_up(desk: Desk) -> None:
    call = await desk.call()
    await desk.campaigns.dialled(call, "accepted", new_sid())
    second = new_sid()
    await desk.provider.status(call, "completed", second)
    await desk.provider.status(call, "ringing", second)
    assert await due_for_hangup(desk) == 0
    assert desk.released == []


@pytest.mark.parametrize("order", [("ringing", "in-progress", "completed"), ("completed", "ringing", "in-progress")])
async def test_a_call_that_surfaces_ends_the_job_that_was_put_back(desk: Desk, order: tuple[str, ...]) -> None:
    """When this breaks a person who was rung is rung again."""
    call, sid = await desk.call(), new_sid()
    assert await desk.campaigns.given_up(call) == "absent"
    assert (await desk.campaigns.job(call))["status"] == "queued"
    before = detected()

    with capture_logs() as lines:
        await desk.provider.status(call, order[0], sid)
        if order[0] == "ringing":
            job = await desk.campaigns.job(call)
            assert (job["status"], job["twilio_call_sid"]) == ("in_progress", sid)
            assert await hangups(desk) == [sid]
            assert await desk.campaigns.claim(call["business_id"]) == []
        for status in order[1:]:
            await desk.provider.status(call, status, sid)

    row, job = await desk.campaigns.call(call), await desk.campaigns.job(call)
    assert (row["state"], row["outcome"], row["call_sid"]) == ("abandoned", "answered", sid)
    assert row["surfaced_at"] is not None
    assert (row["hangup_at"], row["next_check_at"]) == (None, None)
    assert (job["status"], job["outcome"]) == ("completed", "answered")
    assert (detected(), conflicts(lines)) == (before + 1, ["surfaced"])
    assert [line["outcome"] for line in lines if line["event"] == "CALL_ENDED"] == ["answered"]
    assert [line["status"] for line in lines if line["event"] == "RUN_ENDED"] == ["completed"]
    assert (await desk.campaigns.run_row(call["run_id"]))["status"] == "completed"
    assert desk.released == []


async def claimed_again(desk: Desk) -> tuple[Row, Row]:
    call = await desk.call()
    await desk.campaigns.given_up(call)
    (again,) = await desk.campaigns.claim(call["business_id"])
    assert again["job_id"] == call["job_id"]
    return call, again


async def test_a_call_that_surfaces_after_its_job_was_claimed_again_is_hung_up_and_counts_for_nothing(
    desk: Desk,
) -> None:
    call, again = await claimed_again(desk)
    sid, before = new_sid(), detected()

    await desk.provider.status(call, "in-progress", sid)
    assert await hangups(desk) == [sid]
    assert detected() == before + 1
    await desk.provider.status(call, "completed", sid)

    row, job = await desk.campaigns.call(call), await desk.campaigns.job(call)
    assert (row["state"], row["outcome"], row["hangup_at"]) == ("abandoned", "answered", None)
    assert (job["status"], job["dial_lock_token"]) == ("dialing", again["dial_token"])
    await desk.provider.status(again, "no-answer", new_sid())
    assert (await desk.campaigns.job(call))["outcome"] == "no_answer"
    assert len(desk.released) == 1


async def test_a_call_that_surfaces_leaves_a_job_that_is_over_as_it_is(desk: Desk) -> None:
    call, sid = await desk.call(on_uncertain="never"), new_sid()
    await desk.campaigns.given_up(call)
    job = await desk.campaigns.job(call)
    assert (job["status"], job["outcome"]) == ("failed", "uncertain")

    await desk.provider.status(call, "ringing", sid)
    assert await hangups(desk) == [sid]
    await desk.provider.status(call, "completed", sid)

    assert await desk.campaigns.job(call) == job
    assert (await desk.campaigns.call(call))["outcome"] == "answered"
    assert await due_for_hangup(desk) == 0


async def test_a_late_answer_after_the_surfaced_call_has_ended_asks_for_no_hang_up(desk: Desk) -> None:
    call, sid = await desk.call(), new_sid()
    await desk.campaigns.given_up(call)
    await desk.provider.status(call, "completed", sid)
    await desk.campaigns.dialled(call, "accepted", sid)
    assert await due_for_hangup(desk) == 0
    assert (await desk.campaigns.call(call))["next_check_at"] is None


async def test_a_refused_create_that_rings_after_all_is_hung_up(desk: Desk) -> None:
    call, sid = await desk.call(), new_sid()
    assert await desk.campaigns.dialled(call, "number_rejected", code="21211", message="no such number") == "rejected"
    await desk.provider.status(call, "ringing", sid)
    assert await hangups(desk) == [sid]
    await desk.provider.status(call, "completed", sid)
    assert await due_for_hangup(desk) == 0
    assert (await desk.campaigns.job(call))["outcome"] == "rejected"


async def test_a_certain_sid_takes_the_place_of_a_guess(desk: Desk) -> None:
    call, guess, sid = await desk.call(), new_sid(), new_sid()
    assert await desk.campaigns.guessed(call, guess) == "guessed"
    await desk.provider.status(call, "ringing", sid)
    row = await desk.campaigns.call(call)
    assert (row["call_sid"], row["sid_is_guess"], row["state"]) == (sid, False, "ringing")
    assert len(await desk.campaigns.rows("SELECT 1 FROM calls")) == 1


async def test_a_guess_elsewhere_gives_way_even_to_a_second_sid(desk: Desk) -> None:
    certain, unsure = await desk.call(), await desk.call()
    sid = new_sid()
    await desk.campaigns.dialled(certain, "accepted", new_sid())
    assert await desk.campaigns.guessed(unsure, sid) == "guessed"

    await desk.provider.status(certain, "ringing", sid)

    freed = await desk.campaigns.call(unsure)
    assert (freed["call_sid"], freed["sid_is_guess"], freed["state"]) == (None, False, "uncertain")
    (row,) = await desk.campaigns.rows("SELECT duplicate_of FROM calls WHERE call_sid = $1", sid)
    assert row["duplicate_of"] == certain["call_id"]


@pytest.mark.parametrize("same", [True, False])
async def test_the_calls_own_end_amends_what_a_guess_gave(desk: Desk, same: bool) -> None:
    call, guess = await desk.call(), new_sid()
    assert await desk.campaigns.guessed(call, guess, "busy") == "list"
    await desk.provider.status(call, "completed", guess if same else new_sid(), 3)
    row, job = await desk.campaigns.call(call), await desk.campaigns.job(call)
    assert (row["state"], row["outcome"], row["sid_is_guess"]) == ("ended", "answered", False)
    assert (job["status"], job["outcome"], job["twilio_call_sid"]) == ("completed", "answered", row["call_sid"])
    assert desk.released == []


async def test_a_call_that_lives_on_after_a_guess_ended_its_row_is_hung_up(desk: Desk) -> None:
    """When this breaks a call lives without a slot, and the business has more live calls than its cap."""
    call, sid = await desk.call(), new_sid()
    await desk.campaigns.guessed(call, new_sid(), "busy")
    await desk.provider.status(call, "ringing", sid)
    assert await hangups(desk) == [sid]
    await desk.provider.status(call, "completed", sid)
    assert await due_for_hangup(desk) == 0
    assert (await desk.campaigns.job(call))["outcome"] == "answered"
