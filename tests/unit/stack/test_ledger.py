"""Figures drawn from the provider's ledger."""

from typing import Any

import pytest

from stack.ledger import PlacedCall, disagreements, most_at_once, placed_calls, rung_twice, slot_turnarounds


def call(number: int, asked: float, ended: float | None, outcome: str | None = "answered", to: str = "") -> PlacedCall:
    return PlacedCall(f"CA{number}", to or f"+97250000000{number}", asked, ended, outcome)


def entry(sid: str | None, outcome: str | None, **more: Any) -> dict[str, Any]:
    states = {"queued": {"at": 1.5, "mono": 0.0}, **({outcome: {"at": 4.0, "mono": 2.5}} if outcome else {})}
    known = {"sid": sid, "to": "+972500000001", "at": 1.0, "outcome": outcome, "states": states}
    return {**known, "carried_out": sid is not None, "foreign": False, **more}


def job(sid: str | None, outcome: str | None) -> dict[str, Any]:
    return {"calls": [{"call_sid": sid, "outcome": outcome}]}


def test_a_call_lasts_from_its_request_to_its_last_state() -> None:
    assert placed_calls([entry("CA1", "no-answer")]) == [PlacedCall("CA1", "+972500000001", 1.0, 4.0, "no_answer")]


def test_refused_requests_and_other_peoples_calls_are_no_calls_of_ours() -> None:
    assert placed_calls([entry(None, None), entry("CA2", "busy", foreign=True)]) == []


def test_a_call_that_ends_as_another_begins_does_not_overlap_it() -> None:
    assert most_at_once([call(1, 0, 5), call(2, 5, 9), call(3, 6, None)]) == 2


def test_a_number_called_again_is_named() -> None:
    assert rung_twice([call(1, 0, 1, to="+1"), call(2, 2, 3, to="+2"), call(3, 4, 5, to="+1")]) == ["+1"]


def test_turnaround_runs_from_a_calls_end_to_the_request_that_takes_its_slot() -> None:
    calls = [call(1, 0.0, 5.0), call(2, 0.5, 4.0), call(3, 4.25, 9.0), call(4, 5.5, 8.0)]
    assert slot_turnarounds(calls, slots=2) == pytest.approx([0.25, 0.5])


def test_slots_that_were_never_full_have_no_turnaround() -> None:
    assert slot_turnarounds([call(1, 0, 1), call(2, 5, 6)], slots=3) == []


@pytest.mark.parametrize(
    ("jobs", "sentence"),
    [
        ([], "CA1 was placed, and the database does not know it"),
        ([job("CA1", "busy")], "CA1 ended as answered, and the database says busy"),
        ([job("CA1", None)], "CA1 ended as answered, and the database says None"),
        ([job("CA1", "answered"), job("CA9", "busy")], "CA9 is in the database, and was never placed"),
    ],
)
def test_every_disagreement_is_told(jobs: list[dict[str, Any]], sentence: str) -> None:
    """Else a demonstration would end well although a call was lost or doubled."""
    assert disagreements([call(1, 0, 5)], jobs) == [sentence]


def test_a_call_that_never_got_a_sid_and_was_never_placed_is_no_disagreement() -> None:
    assert disagreements([call(1, 0, 5)], [job("CA1", "answered"), job(None, "rejected")]) == []
