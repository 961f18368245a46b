"""A callback that contradicts the record is logged once, with what we had and what it says, and counted by its kind."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from structlog.testing import capture_logs

from shared import metrics
from tests.integration.campaigns import new_sid
from tests.integration.webhook.desk import Desk


def counted(kind: str) -> float:
    return metrics.REGISTRY.get_sample_value("ringfence_provider_contradictions_total", {"kind": kind}) or 0.0


def the_conflict(lines: Any, kind: str) -> dict[str, Any]:
    (line,) = [line for line in lines if line["event"] == "DEDUP_CONFLICT" and line["action"] == kind]
    return dict(line)


async def test_a_second_sid_is_told_with_the_first(desk: Desk) -> None:
    call, first, second = await desk.call(), new_sid(), new_sid()
    await desk.campaigns.dialled(call, "accepted", first)
    before = counted("second_sid")
    with capture_logs() as lines:
        for status in ("ringing", "in-progress", "completed"):
            await desk.provider.status(call, status, second)
    line = the_conflict(lines, "second_sid")
    assert (line["known_sid"], line["known_state"], line["call_sid"]) == (first, "accepted", second)
    assert (line["said"], line["call_id"]) == ("ringing", call["call_id"])
    assert counted("second_sid") == before + 1


async def test_a_sid_of_another_call_is_told_with_both_calls(desk: Desk) -> None:
    mine, other, sid, own = await desk.call(), await desk.call(), new_sid(), new_sid()
    await desk.campaigns.dialled(mine, "accepted", own)
    await desk.campaigns.dialled(other, "accepted", sid)
    before = counted("foreign_sid")
    with capture_logs() as lines:
        for _ in range(2):
            assert (await desk.provider.status(mine, "completed", sid)).status_code == 204
    line = the_conflict(lines, "foreign_sid")
    assert (line["call_id"], line["known_sid"], line["known_state"]) == (mine["call_id"], own, "accepted")
    assert (line["call_sid"], line["sid_of_call"], line["said"]) == (sid, other["call_id"], "answered")
    assert counted("foreign_sid") == before + 1


@pytest.mark.parametrize(("sequence", "stands"), [(2, "busy"), (4, "answered")])
async def test_another_end_is_told_with_the_one_before(desk: Desk, sequence: int, stands: str) -> None:
    """The later by its number stands; the line must say both, also where ours gave way."""
    call, sid = await desk.call(), new_sid()
    await desk.provider.status(call, "busy", sid, 3)
    before = counted("other_end")
    with capture_logs() as lines:
        await desk.provider.status(call, "completed", sid, sequence)
    line = the_conflict(lines, "other_end")
    assert (line["known_outcome"], line["known_state"], line["said"]) == ("busy", "ended", "answered")
    assert line["outcome"] == stands
    assert (await desk.campaigns.job(call))["outcome"] == stands
    assert counted("other_end") == before + 1


async def test_a_call_that_surfaces_is_told_with_how_it_was_given_up(desk: Desk) -> None:
    call, sid = await desk.call(), new_sid()
    assert await desk.campaigns.given_up(call) == "absent"
    before = counted("surfaced")
    with capture_logs() as lines:
        for status in ("ringing", "completed"):
            await desk.provider.status(call, status, sid)
    line = the_conflict(lines, "surfaced")
    assert (line["known_state"], line["known_sid"], line["call_sid"]) == ("abandoned", None, sid)
    assert line["said"] == "ringing"
    assert counted("surfaced") == before + 1


async def test_a_refused_callback_is_told_with_whose_the_call_is_and_what_it_says(desk: Desk) -> None:
    call, sid, said = await desk.call(), new_sid(), new_sid("AC")
    owner = desk.provider.account_sid
    desk.provider.account_sid, desk.provider.token = said, "the token of another account"
    with capture_logs() as lines:
        assert (await desk.provider.status(call, "completed", sid)).status_code == 403
    (line,) = [line for line in lines if line["event"] == "SECURITY"]
    assert (line["kind"], line["account_sid"], line["said_account_sid"]) == ("bad_signature", owner, said)
    assert (line["call_id"], line["known_state"]) == (call["call_id"], "dialing")
    assert (line["said_sid"], line["said"]) == (sid, "completed")


async def test_what_a_stranger_writes_does_not_reach_the_log(desk: Desk) -> None:
    """Anybody may post there: neither a page of text nor a number of somebody's gets into a line."""
    call = await desk.call()
    pairs = [("CallSid", "x" * 5000), ("AccountSid", "+972501234567" * 300), ("CallStatus", "a word of theirs")]
    desk.provider.token = "no token of ours"
    for token in (call["dial_token"], uuid.uuid4()):
        with capture_logs() as lines:
            assert (await desk.provider.send("status", token, pairs)).status_code == 403
        (line,) = [line for line in lines if line["event"] == "SECURITY"]
        assert (line["said_account_sid"], line["said_sid"], line["said"]) == (None, None, "unknown")
