"""The bench's command line."""

from pathlib import Path

import pytest

from bench.options import COMPLETE, PARTIAL, parse
from bench.registry import MEASURES
from bench.sizes import FULL, QUICK


def test_everything_is_measured_unless_told_otherwise() -> None:
    options = parse([])
    assert options.only == tuple(MEASURES)
    assert (options.rounds, options.full, options.results) == (5, False, COMPLETE)


def test_a_part_does_not_replace_the_results_of_the_whole() -> None:
    options = parse(["--only", "webhook", "saturation"])
    assert options.only == ("saturation", "webhook")
    assert options.results == PARTIAL


def test_results_go_where_they_are_wanted(tmp_path: Path) -> None:
    assert parse(["--results", str(tmp_path)]).results == tmp_path


@pytest.mark.parametrize("arguments", [["--rounds", "0"], ["--only", "nothing"], ["--rounds", "some"]])
def test_what_makes_no_sense_is_refused(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(arguments)
    assert ended.value.code == 2


def test_the_full_form_measures_at_least_what_the_quick_form_does() -> None:
    assert {seconds for seconds, _ in QUICK.slot_use} < {seconds for seconds, _ in FULL.slot_use}
    quick, full = ({step for path in sizes.claim_paths for step in path} for sizes in (QUICK, FULL))
    assert quick < full
