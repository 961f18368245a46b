from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bench.figures import Figure
from bench.machine import Machine
from bench.report import Report

REPORT = Report(
    command="make recovery",
    machine=Machine(2, "Some CPU", 7.8, "Linux 6.1 x86_64", "3.12.1", postgresql="17.6", rabbitmq="3.10.8"),
    measured_at=datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC),
    load_before=0.25,
    counts={"creates": 4},
    figures={"kill": Figure.of([0.5, 0.25])},
    settings={"CALLS_PER_SECOND": "1000"},
)


def test_a_report_comes_back_from_its_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "results" / "recovery.json"
    REPORT.write(path)
    assert Report.read(path) == REPORT


def test_writing_replaces_the_file_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "recovery.json"
    REPORT.write(path)
    replace(REPORT, load_before=2).write(path)
    assert Report.read(path).load_before == 2
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("content", ["{}", "[]", '{"command": "x", "machine": 3}', "no json"])
def test_a_file_that_is_no_report_is_a_value_error(tmp_path: Path, content: str) -> None:
    path = tmp_path / "recovery.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=r"."):
        Report.read(path)
