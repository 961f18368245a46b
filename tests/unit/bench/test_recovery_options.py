from __future__ import annotations

import pytest

from bench.recovery.main import MEASURES
from bench.recovery.options import FAULTS, Options, parse


def test_kills_are_tried_more_often_than_the_other_faults_unless_told() -> None:
    assert [parse([]).rounds_of(fault) for fault in FAULTS] == [20, 5, 5, 5, 5]
    assert parse(["--rounds", "2"]).rounds_of("kill") == 2


def test_every_fault_that_can_be_asked_for_is_measured() -> None:
    assert tuple(MEASURES) == FAULTS


def test_the_command_in_the_report_is_the_one_that_was_given() -> None:
    assert parse([]).command == "python -m bench.recovery"
    asked = ["--rounds", "3", "--only", "freeze,kill", "--seed", "7"]
    assert parse(asked).command == "python -m bench.recovery --rounds 3 --only kill,freeze --seed 7"
    assert parse(asked).only == ("kill", "freeze")


@pytest.mark.parametrize("arguments", [["--rounds", "0"], ["--only", "fire"], ["--only", ""]])
def test_nonsense_is_refused_with_status_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(arguments)
    assert ended.value.code == 2
    assert arguments[0] in capsys.readouterr().err


def test_only_a_full_measurement_is_kept_by_default() -> None:
    assert Options().json is None
    assert not Options().write_docs
