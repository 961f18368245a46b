"""How long a freed slot stays unused, by the definition in docs/bench.md."""

import pytest

from bench.turnarounds import turnarounds
from tests.unit.bench.ledgers import placed


def test_the_next_create_of_the_business_ends_the_wait() -> None:
    calls = [placed(0, 1.0, told=2.0), placed(0, 2.25, told=3.0), placed(0, 3.5)]
    assert turnarounds(calls, cap=1) == [0.25, 0.5]


def test_another_business_does_not() -> None:
    calls = [placed(0, 1.0, told=2.0), placed(1, 2.1), placed(0, 2.5)]
    assert turnarounds(calls, cap=1) == [0.5]


def test_slots_that_never_were_used_before_are_not_waited_for() -> None:
    calls = [placed(0, 1.0, told=4.0), placed(0, 1.5, told=5.0), placed(0, 4.5), placed(0, 5.25)]
    assert turnarounds(calls, cap=2) == [0.5, 0.25]


def test_the_last_slots_to_be_freed_are_not_waited_for() -> None:
    assert turnarounds([placed(0, 1.0, told=2.0)], cap=1) == []


def test_a_slot_that_was_used_before_its_callback_shows_as_less_than_nothing() -> None:
    """An engine that breaks the cap must not look fast."""
    assert turnarounds([placed(0, 1.0, told=3.0), placed(0, 2.0, told=4.0)], cap=1) == [-1.0]


@pytest.mark.parametrize(("start", "end", "found"), [(0, 2, []), (2, 3, [0.5]), (3, 9, [0.25])])
def test_a_wait_belongs_to_the_round_in_which_it_began(start: float, end: float, found: list[float]) -> None:
    calls = [placed(0, 1.0, told=2.0), placed(0, 2.5, told=3.0), placed(0, 3.25)]
    assert turnarounds(calls, 1, start, end) == found
