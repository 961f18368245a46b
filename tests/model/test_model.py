"""The formal model: the design keeps its promises, and without any one part of it a promise breaks.

The larger instance, and every promise that each variant breaks and keeps, are for `make model`.
"""

from __future__ import annotations

import pytest

from model.cases import BROKEN_BOUNDS, HAPPENS, PROMISES, SMALL, SPARE, STRICTER, VARIANTS, Case
from model.tlc import check


def names(cases: tuple[Case, ...]) -> list[str]:
    return [case.name for case in cases]


def test_the_design_keeps_every_promise() -> None:
    """Two dispatchers, three jobs, two slots. When this fails, somebody may be rung twice, or a lead is forgotten."""
    result = check(SMALL, PROMISES)
    assert result.broken is None, result.output
    assert result.distinct > 10_000


@pytest.mark.parametrize("case", [*SPARE, *STRICTER], ids=names((*SPARE, *STRICTER)))
def test_the_promises_hold_without_a_spare_part_and_by_a_stricter_rule(case: Case) -> None:
    result = check(case, PROMISES)
    assert result.broken is None, result.output


@pytest.mark.parametrize(
    ("name", "promise"),
    [
        ("without the business lock and the slot constraint", "SlotsNeverExceeded"),
        ("without the deadline check", "NobodyRungTwice"),
        ("without the deadline check", "NoCreateAfterCancelAnswered"),
        ("without the settle wait", "NobodyRungTwice"),
        ("a denial counts from when it is told", "NobodyRungTwice"),
        ("anybody hands a claim back", "NobodyRungTwice"),
        ("a successor sends what it finds claimed", "OneCreatePerRow"),
        ("a cancel is answered at once", "NoCreateAfterCancelAnswered"),
        ("without the reaper", "NoJobForgotten"),
        ("without the reaper", "NoSlotLeaked"),
    ],
)
def test_a_part_that_is_missing_breaks_a_promise(name: str, promise: str) -> None:
    """When this fails, the model no longer sees what that part is for."""
    (case,) = (case for case in VARIANTS if case.name == name)
    result = check(case, [promise])
    assert result.broken == promise, result.output
    assert result.steps > 2


@pytest.mark.parametrize("case", BROKEN_BOUNDS, ids=names(BROKEN_BOUNDS))
def test_the_promise_rests_on_the_providers_bound(case: Case) -> None:
    result = check(case, case.breaks[:1])
    assert result.broken == case.breaks[0], result.output


@pytest.mark.parametrize(("reached", "case"), HAPPENS, ids=[reached for reached, _ in HAPPENS])
def test_what_the_model_is_about_happens_in_it(reached: str, case: Case) -> None:
    """When this fails, the promises hold because nothing happens."""
    result = check(case, [reached])
    assert result.broken == reached, result.output


def test_never_redialling_keeps_calls_apart_however_late_the_provider_is() -> None:
    """`on_uncertain: never` is the promise without the bound: nobody is rung twice."""
    (case,) = (case for case in BROKEN_BOUNDS if case.changes.get("RedialWhenAbsent") is False)
    assert {"NobodyRungTwice", "OneLiveCallPerJob"} <= set(case.keeps)
    result = check(case, case.keeps)
    assert result.broken is None, result.output
