"""The command line of chaos runs."""

from __future__ import annotations

import pytest

from chaos.options import parse


def test_a_seed_that_is_not_given_is_drawn() -> None:
    assert parse([]).seed != parse([]).seed


def test_several_runs_have_one_seed_after_the_other() -> None:
    options = parse(["--seed", "7", "--runs", "3", "--seconds", "30"])
    assert [plan.seed for plan in options.plans()] == [7, 8, 9]
    assert options.command == "make chaos SECONDS=30 SEED=7 RUNS=3"


@pytest.mark.parametrize("wrong", [["--runs", "0"], ["--seconds", "0"], ["--seed", "x"]])
def test_what_makes_no_sense_is_refused(wrong: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(wrong)
    assert ended.value.code == 2
