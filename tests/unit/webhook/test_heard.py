"""What a signed request says, in the database's words."""

from __future__ import annotations

from uuid import UUID

import orjson
import pytest

from services.webhook.door import Signed, event_of
from services.webhook.record import status_heard, voice_heard
from services.webhook.voice import HANG_UP, is_news, is_superseded, twiml
from shared.queries.callbacks import FoundCall, Speech
from shared.telephony.callback import Callback

TOKEN = UUID("00000000-0000-4000-8000-000000000001")
SID = "CA00000000000000000000000000000001"


def found(**facts: object) -> FoundCall:
    values: dict[str, object] = {
        "call_id": 1,
        "business_id": 1,
        "run_id": 1,
        "job_id": 1,
        "call_sid": SID,
        "sid_is_guess": False,
        "state": "accepted",
        "surfaced_at": None,
        "job_moved_on": False,
        "account_sid": "AC0",
        "account_is_shared": True,
        "auth_token_sealed": b"sealed secret",
    }
    return FoundCall(**(values | facts))  # type: ignore[arg-type]


def signed(*pairs: tuple[str, str]) -> Signed:
    sent = [("CallSid", SID), *pairs]
    return Signed(TOKEN, Callback.parse(sent), sent)


@pytest.mark.parametrize(
    ("status", "rank", "outcome"),
    [
        ("queued", 0, None),
        ("initiated", 1, None),
        ("ringing", 2, None),
        ("in-progress", 3, None),
        ("completed", 4, "answered"),
        ("busy", 4, "busy"),
        ("no-answer", 4, "no_answer"),
        ("canceled", 4, "canceled"),
        ("failed", 4, "failed"),
    ],
)
def test_each_status_has_its_rank_and_outcome(status: str, rank: int, outcome: str | None) -> None:
    heard = status_heard(signed(("CallStatus", status), ("SequenceNumber", "3")))
    assert (heard.event, heard.rank, heard.outcome, heard.sequence) == (status, rank, outcome, 3)


@pytest.mark.parametrize(("status", "code"), [("failed", "sip:503"), ("busy", None), ("completed", None)])
def test_the_carriers_code_goes_with_a_failure_alone(status: str, code: str | None) -> None:
    assert status_heard(signed(("CallStatus", status), ("SipResponseCode", "503"))).code == code


def test_fields_are_kept_as_the_database_can_hold_them() -> None:
    heard = status_heard(
        signed(("CallStatus", "ringing"), ("a", ""), ("b", "1"), ("b", "2\0"), ("b", "3"), ("\0", "x"))
    )
    assert heard.fields["a"] == ""
    assert heard.fields["b"] == ["1", "2\ufffd", "3"]
    assert b"\\u0000" not in orjson.dumps(heard.fields)


@pytest.mark.parametrize("sequence", ["2147483648", "999999999999999999"])
def test_a_sequence_number_too_large_for_the_database_is_left_out(sequence: str) -> None:
    assert status_heard(signed(("CallStatus", "busy"), ("SequenceNumber", sequence))).sequence is None


@pytest.mark.parametrize("status", ["ringing", "in-progress", "completed"])
def test_a_voice_request_says_that_somebody_answered(status: str) -> None:
    heard = voice_heard(signed(("CallStatus", status)))
    assert (heard.event, heard.rank, heard.outcome) == ("voice", 3, None)


def test_a_stranger_makes_up_no_event() -> None:
    assert event_of([("CallStatus", "made-up")]) == event_of([]) == "unknown"


@pytest.mark.parametrize(
    ("facts", "superseded", "news"),
    [
        ({}, False, False),
        ({"call_sid": None}, False, True),
        ({"call_sid": "CA2", "sid_is_guess": True}, False, True),
        ({"sid_is_guess": True}, False, True),
        ({"call_sid": "CA2"}, True, True),
        ({"state": "abandoned", "call_sid": None}, True, True),
        ({"state": "abandoned"}, True, True),
        ({"state": "ended", "job_moved_on": True}, True, False),
        ({"state": "ended"}, False, False),
    ],
)
def test_which_calls_should_not_be_and_which_are_news(facts: dict[str, object], superseded: bool, news: bool) -> None:
    call = found(**facts)
    assert (is_superseded(call, SID), is_news(call, SID)) == (superseded, news)


def test_what_a_run_says_and_what_it_says_when_it_may_not() -> None:
    said = "<Response><Say>a &amp; b</Say></Response>"
    assert twiml(Speech(said, None, force_cancelled=False)) == said
    assert twiml(Speech(said, None, force_cancelled=True)) == HANG_UP
    assert twiml(Speech(None, None, force_cancelled=False)) == HANG_UP
    assert twiml(None) == HANG_UP
    redirect = "<Response><Redirect>https://a.example/?x=1&amp;y=&lt;2&gt;</Redirect></Response>"
    assert twiml(Speech(None, "https://a.example/?x=1&y=<2>", force_cancelled=False)) == redirect


def test_no_repr_shows_a_token_or_a_number() -> None:
    request = signed(("CallStatus", "ringing"), ("To", "+972501234567"))
    for shown in (repr(request), repr(status_heard(request))):
        assert str(TOKEN) not in shown
        assert "972501234567" not in shown
        assert "sealed secret" not in shown
