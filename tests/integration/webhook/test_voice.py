"""What a call that was answered hears."""

from __future__ import annotations

import pytest

from tests.integration.campaigns import FROM_NUMBER, TWIML, Row, new_sid
from tests.integration.webhook.desk import Desk, Provider

HANG_UP = "<Response><Hangup/></Response>"


async def hears(desk: Desk, call: Row, sid: str) -> str:
    answer = await desk.provider.voice(call, sid)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/xml")
    return answer.text


@pytest.mark.parametrize(
    "twiml",
    [
        TWIML,
        '<?xml version="1.0" encoding="UTF-8"?>\n<Response>\n <Say language="he-IL">שלום &amp; תודה</Say></Response>\n',
    ],
)
async def test_twiml_is_answered_as_it_stands(desk: Desk, twiml: str) -> None:
    call, sid = await desk.call(twiml=twiml), new_sid()
    await desk.campaigns.dialled(call, "accepted", sid)
    assert await hears(desk, call, sid) == twiml
    assert await desk.campaigns.rows("SELECT 1 FROM call_events") == []


async def test_a_twiml_url_is_answered_as_a_redirect(desk: Desk) -> None:
    url = "https://business.example/twiml?a=1&b=<2>&c=\"'"
    call, sid = await desk.call(twiml_url=url), new_sid()
    escaped = "https://business.example/twiml?a=1&amp;b=&lt;2&gt;&amp;c=\"'"
    heard = await hears(desk, call, sid)
    assert heard == f"<Response><Redirect>{escaped}</Redirect></Response>"


async def test_a_voice_request_before_the_creates_answer_tells_the_sid(desk: Desk) -> None:
    """With every status callback lost it settles the call all the same."""
    call, sid = await desk.call(), new_sid()
    await desk.campaigns.dialled(call, "ambiguous")
    for _ in range(2):
        assert await hears(desk, call, sid) == TWIML
    row = await desk.campaigns.call(call)
    assert (row["call_sid"], row["sid_is_guess"], row["state"]) == (sid, False, "answered")
    assert desk.released == []


async def test_a_voice_request_never_ends_a_call(desk: Desk) -> None:
    call = await desk.call()
    pairs = desk.provider.fields(new_sid(), "completed")
    assert (await desk.provider.send("voice", call["dial_token"], pairs)).text == TWIML
    assert (await desk.campaigns.call(call))["ended_at"] is None


@pytest.mark.parametrize("status", [None, "", "never-heard-of"])
async def test_somebody_who_answered_is_not_left_in_silence_for_want_of_a_status(
    desk: Desk, status: str | None
) -> None:
    call = await desk.call()
    pairs = [("CallSid", new_sid()), ("To", "+972500000001")]
    pairs += [] if status is None else [("CallStatus", status)]
    assert (await desk.provider.send("voice", call["dial_token"], pairs)).text == TWIML


async def test_a_second_sid_hears_the_order_to_hang_up(desk: Desk) -> None:
    call, first, second = await desk.call(), new_sid(), new_sid()
    await desk.campaigns.dialled(call, "accepted", first)
    for _ in range(2):
        assert await hears(desk, call, second) == HANG_UP
    (row,) = await desk.campaigns.rows("SELECT * FROM calls WHERE call_sid = $1", second)
    assert (row["duplicate_of"], row["hangup_at"] is not None) == (call["call_id"], True)
    assert await hears(desk, call, first) == TWIML


async def test_a_call_that_was_given_up_hears_the_order_to_hang_up_and_surfaces(desk: Desk) -> None:
    call, sid = await desk.call(), new_sid()
    await desk.campaigns.given_up(call)
    for _ in range(2):
        assert await hears(desk, call, sid) == HANG_UP
    row, job = await desk.campaigns.call(call), await desk.campaigns.job(call)
    assert (row["call_sid"], row["state"], row["surfaced_at"] is not None) == (sid, "abandoned", True)
    assert (job["status"], job["twilio_call_sid"]) == ("in_progress", sid)


async def test_a_job_that_was_claimed_again_belongs_to_the_new_call(desk: Desk) -> None:
    old = await desk.call()
    await desk.campaigns.given_up(old)
    (new,) = await desk.campaigns.claim(old["business_id"])
    assert await hears(desk, old, new_sid()) == HANG_UP
    assert await hears(desk, new, new_sid()) == TWIML


@pytest.mark.parametrize("hangup", [True, False])
async def test_a_call_of_a_force_cancelled_run_hears_the_order_to_hang_up(desk: Desk, hangup: bool) -> None:
    call, sid = await desk.call(), new_sid()
    await desk.campaigns.dialled(call, "accepted", sid)
    force = "SELECT * FROM ringfence_force_cancel_run($1, $2, $3)"
    await desk.campaigns.rows(force, call["business_id"], call["run_id"], hangup)
    assert await hears(desk, call, sid) == HANG_UP


async def test_a_call_of_a_stopped_run_is_not_cut_off(desk: Desk) -> None:
    call, sid = await desk.call(), new_sid()
    await desk.campaigns.rows("SELECT * FROM ringfence_stop_run($1, $2)", call["business_id"], call["run_id"])
    assert await hears(desk, call, sid) == TWIML


async def test_voice_is_checked_like_status(desk: Desk) -> None:
    call, sid = await desk.call(), new_sid()
    stranger = Provider(desk.provider.client, desk.provider.account_sid, "wrong")
    assert (await stranger.voice(call, sid)).status_code == 403
    unknown = {"dial_token": "00000000-0000-4000-8000-000000000000"}
    assert (await desk.provider.voice(unknown, sid)).status_code == 404
    pairs = [("AccountSid", desk.provider.account_sid), ("From", FROM_NUMBER)]
    assert (await desk.provider.send("voice", call["dial_token"], pairs)).status_code == 400
    path = f"/webhooks/twilio/voice/{call['dial_token']}"
    assert (await desk.provider.client.get(path)).status_code == 405
