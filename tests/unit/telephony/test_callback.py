"""A status callback in our words."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain import Outcome
from shared.errors import RingfenceError
from shared.telephony.callback import Callback, CallStatus, UnusableCallback, outcome_of, status_of

SID = "CA" + "a1" * 16
LEAST = {"CallSid": SID, "CallStatus": "ringing"}


def parse(**changed: str) -> Callback:
    return Callback.parse((LEAST | changed).items())


def test_a_whole_callback_is_read() -> None:
    callback = parse(
        AccountSid="AC1",
        CallStatus="completed",
        SequenceNumber="3",
        AnsweredBy="human",
        SipResponseCode="200",
        CallDuration="49",
        Duration="1",
        To="+972501234567",
        From="+15005550006",
        ToZip="",
        SomethingNew="x",
    )
    assert callback == Callback(
        call_sid=SID,
        account_sid="AC1",
        status=CallStatus.COMPLETED,
        sequence=3,
        answered_by="human",
        sip_code=200,
        duration=49,
        to="+972501234567",
        from_="+15005550006",
    )
    assert callback.outcome is Outcome.ANSWERED
    assert "972501234567" not in repr(callback)


def test_the_least_callback_is_a_sid_and_a_status() -> None:
    callback = parse()
    assert callback == Callback(SID, None, CallStatus.RINGING)
    assert callback.outcome is None


@pytest.mark.parametrize("field", ["CallSid", "CallStatus"])
@pytest.mark.parametrize(
    "value", [None, "", "unheard-of", "SM" + "0" * 32, "CA", "CA/../x", "CA" + "0" * 99, "Ringing"]
)
def test_a_callback_that_nothing_can_be_done_with_names_the_field(field: str, value: str | None) -> None:
    said = {name: text for name, text in (LEAST | {field: value}).items() if text is not None}
    with pytest.raises(UnusableCallback, match=field) as caught:
        Callback.parse(said.items())
    assert caught.value.field == field
    assert isinstance(caught.value, RingfenceError)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("value", ["", "-1", "x", "1.5", "٣", "1" * 30, " 3"])
def test_a_number_that_cannot_be_read_is_left_out(value: str) -> None:
    callback = parse(SequenceNumber=value, CallDuration=value, SipResponseCode=value)
    assert (callback.sequence, callback.duration, callback.sip_code) == (None, None, None)


@settings(deadline=None)
@given(st.dictionaries(st.text(), st.text()))
def test_unknown_fields_never_matter(unknown: dict[str, str]) -> None:
    said = unknown | LEAST
    assert Callback.parse(said.items()).call_sid == SID


def test_a_status_has_its_rank() -> None:
    ranks = {status.value: status.rank for status in CallStatus}
    assert ranks == {
        "queued": 0,
        "initiated": 1,
        "ringing": 2,
        "in-progress": 3,
        **dict.fromkeys(("completed", "busy", "failed", "no-answer", "canceled"), 4),
    }
    assert {status for status in CallStatus if status.terminal} == {
        status for status in CallStatus if outcome_of(status, None) is not None
    }


@pytest.mark.parametrize(
    ("status", "answered_by", "outcome"),
    [
        ("completed", None, Outcome.ANSWERED),
        ("completed", "human", Outcome.ANSWERED),
        ("completed", "unknown", Outcome.ANSWERED),
        ("completed", "machine_start", Outcome.MACHINE),
        ("completed", "machine_end_beep", Outcome.MACHINE),
        ("completed", "machine_end_silence", Outcome.MACHINE),
        ("completed", "machine_end_other", Outcome.MACHINE),
        ("completed", "fax", Outcome.MACHINE),
        ("busy", None, Outcome.BUSY),
        ("no-answer", None, Outcome.NO_ANSWER),
        ("no-answer", "machine_start", Outcome.NO_ANSWER),
        ("failed", None, Outcome.FAILED),
        ("canceled", None, Outcome.CANCELED),
        ("queued", None, None),
        ("in-progress", "human", None),
    ],
)
def test_an_ending_has_its_outcome(status: str, answered_by: str | None, outcome: Outcome | None) -> None:
    known = status_of(status)
    assert known is not None
    assert outcome_of(known, answered_by) is outcome


@pytest.mark.parametrize("word", [None, "", "COMPLETED", "canceling"])
def test_a_word_that_is_no_status_is_none(word: str | None) -> None:
    assert status_of(word) is None
