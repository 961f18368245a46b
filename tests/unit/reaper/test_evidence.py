"""What a list or a fetch says about a call."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from services.reaper.settle import NOTHING, Finding, candidates, judge_fetch, judge_list
from shared.queries.checks import Check
from shared.telephony.reads import ProviderCall

CLAIMED = datetime(2026, 11, 22, 10, 0, 0, 700_000, tzinfo=UTC)
ABSENT_AFTER = timedelta(seconds=60)
TO, FROM = "+972501234567", "+15005550006"
CHECK = Check(
    call_id=1,
    dial_token=uuid4(),
    kind="list",
    business_id=1,
    run_id=1,
    job_id=1,
    call_sid=None,
    to_number=TO,
    from_number=FROM,
    created_at=CLAIMED,
    last_moment=CLAIMED + timedelta(seconds=18),
    looked_at=CLAIMED + timedelta(seconds=90),
    account_id=1,
    account_sid="AC1",
    account_is_shared=True,
    auth_token_sealed=None,
    state="uncertain",
    denied_at=None,
)


def listed(sid: str = "CA1", after: float | None = 1.0, **fields: Any) -> ProviderCall:
    at = None if after is None else CLAIMED + timedelta(seconds=after)
    values: dict[str, Any] = {"to": TO, "from_": FROM, "direction": "outbound-api", "status": "in-progress"}
    return ProviderCall(sid=sid, date_created=at, **(values | fields))


def judge(*calls: ProviderCall, known: frozenset[str] = frozenset()) -> Finding:
    return judge_list(candidates(CHECK, calls, ABSENT_AFTER), known)


def test_an_empty_list_denies() -> None:
    assert judge() == Finding("absent")


@pytest.mark.parametrize("after", [None, -5.0, -5.7, 0.0, 17.0, 78.0])
def test_a_call_made_from_five_seconds_before_the_claim_to_the_last_moment_is_a_candidate(after: float | None) -> None:
    assert judge(listed(after=after)).word == "guess"


@pytest.mark.parametrize("after", [-3600.0, -6.0, 78.1, 3600.0])
def test_a_call_made_at_another_time_is_none(after: float) -> None:
    assert judge(listed(after=after)).word == "absent"


@pytest.mark.parametrize(
    "fields", [{"direction": "inbound"}, {"direction": "outbound-dial"}, {"to": "+15551234567"}, {"from_": "+1555"}]
)
def test_a_call_of_another_kind_or_of_other_numbers_is_none(fields: dict[str, Any]) -> None:
    assert judge(listed(**fields)).word == "absent"


@pytest.mark.parametrize("fields", [{"direction": None}, {"to": None}, {"from_": None}, {"to": "972 50-123-4567"}])
def test_a_call_is_not_overlooked_for_what_the_list_leaves_out_or_writes_otherwise(fields: dict[str, Any]) -> None:
    assert judge(listed(**fields)).word == "guess"


def test_a_sid_that_is_another_call_of_ours_is_none() -> None:
    assert judge(listed("CA1"), known=frozenset({"CA1"})) == Finding("absent")
    assert judge(listed("CA1"), listed("CA2"), known=frozenset({"CA1"})).call_sid == "CA2"


def test_two_candidates_are_no_decision_even_when_both_are_over() -> None:
    assert judge(listed("CA1", status="completed"), listed("CA2", status="busy")) == Finding("several")


@pytest.mark.parametrize(
    ("status", "rank", "outcome"),
    [
        ("queued", 0, None),
        ("ringing", 2, None),
        ("in-progress", 3, None),
        ("completed", 4, "answered"),
        ("busy", 4, "busy"),
        ("no-answer", 4, "no_answer"),
        ("failed", 4, "failed"),
        ("canceled", 4, "canceled"),
        ("something new", None, None),
        (None, None, None),
    ],
)
def test_a_status_gives_a_rank_and_an_end_an_outcome(status: str | None, rank: int | None, outcome: str | None) -> None:
    assert judge(listed(status=status)) == Finding("guess", "CA1", rank, outcome)
    assert judge_fetch(listed(status=status)) == Finding("status", "CA1", rank, outcome)


def test_a_machine_that_answered_is_told_from_a_person() -> None:
    assert judge_fetch(listed(status="completed", answered_by="machine_end_beep")).outcome == "machine"


def test_a_sid_that_is_not_seen_yet_says_nothing() -> None:
    assert judge_fetch(None) == NOTHING
