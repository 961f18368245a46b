"""Pauses on ledgers made up for the purpose."""

from __future__ import annotations

import random

import pytest

from bench.recovery.gaps import first_after, is_calm, longest_pause

EVEN = [tenth / 10 for tenth in range(100)]
"""A create each tenth of a second, from 0 to 9.9."""


def without(since: float, until: float) -> list[float]:
    """The even ledger with nothing between these moments."""
    return [create for create in EVEN if not since < create < until]


def test_a_pause_lasts_from_the_last_create_before_the_fault_to_the_first_after_it() -> None:
    assert longest_pause(without(3.0, 4.5), since=3.05, until=9) == pytest.approx(1.5)


def test_creates_that_still_arrive_after_the_fault_do_not_cut_the_pause_short() -> None:
    assert longest_pause([*without(3.0, 4.5), 3.06], since=3.05, until=9) == pytest.approx(4.5 - 3.06)


def test_a_pause_that_is_over_before_the_span_or_begins_after_it_is_not_its_own() -> None:
    creates = [create for create in EVEN if not (1 < create < 2 or 7 < create < 8)]
    assert longest_pause(creates, since=3.05, until=6.5) == pytest.approx(0.1)


def test_a_pause_is_whole_though_the_span_begins_or_ends_within_it() -> None:
    assert longest_pause(without(3.0, 4.5), since=3.9, until=4.1) == pytest.approx(1.5)


def test_a_create_at_the_moment_of_the_fault_came_before_it() -> None:
    assert longest_pause([1.0, 2.0, 5.0], since=2.0, until=6) == 3.0


def test_the_order_of_the_ledger_does_not_matter() -> None:
    creates = without(3.0, 4.5)
    random.Random(1).shuffle(creates)
    assert longest_pause(creates, since=3.05, until=9) == pytest.approx(1.5)


@pytest.mark.parametrize("creates", [[], [5.0], [1.0, 2.0]], ids=["none", "none before", "none after"])
def test_a_ledger_in_which_nothing_went_on_has_no_pause(creates: list[float]) -> None:
    with pytest.raises(ValueError, match="no create"):
        longest_pause(creates, since=3, until=9)


def test_the_first_create_after_a_moment_counts_from_it() -> None:
    assert first_after(without(3.0, 4.5), 4.0) == pytest.approx(0.5)


def test_without_a_create_after_the_moment_there_is_no_figure() -> None:
    with pytest.raises(ValueError, match="no create"):
        first_after(EVEN, 9.9)


@pytest.mark.parametrize(
    ("creates", "now", "calm"),
    [
        (EVEN, 9.95, True),
        (EVEN, 11.0, False),
        (without(3.0, 4.5), 5.0, False),
        (without(3.0, 4.5), 7.6, True),
        (EVEN, 2.9, False),
        ([], 5.0, False),
    ],
    ids=["even", "stopped", "a pause", "a pause long ago", "too young", "nothing"],
)
def test_dialling_is_calm_after_a_while_without_a_pause(creates: list[float], now: float, calm: bool) -> None:
    assert is_calm(creates, now, seconds=3, pause=0.5) is calm
