"""The figures on the page of guarantees are those of the files in bench/results."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from bench.figures import Figure
from bench.guarantees import BLOCK, BLOCKS, PAGE, rendered
from bench.machine import Machine
from bench.report import Report

PLACE = "before\n<!-- figures: recovery, written by a command -->\nold\n<!-- end of figures -->\nafter\n"
REPORT = Report(
    command="python -m bench.recovery",
    machine=Machine(2, "Some CPU", 7.8, "Linux 6.1 x86_64", "3.12.1"),
    measured_at=datetime(2026, 3, 4, tzinfo=UTC),
    load_before=0.25,
    counts={"calls": 12345, "violations": 0, "other": 7},
    figures={"kill": Figure.of([0.5, 0.7, 0.1]), "freeze": Figure.of([10.26])},
)


def test_the_page_shows_the_figures_that_were_measured() -> None:
    """Whoever measures anew runs `python -m bench.guarantees`, or the page tells of another measurement."""
    text = PAGE.read_text()
    assert rendered(text) == text


def test_every_block_of_figures_stands_on_the_page_once() -> None:
    assert sorted(found["name"] for found in BLOCK.finditer(PAGE.read_text())) == sorted(BLOCKS)


def test_a_block_is_written_from_its_file_and_nothing_else_is_touched(tmp_path: Path) -> None:
    REPORT.write(tmp_path / "recovery.json")
    lines = rendered(PLACE, tmp_path).splitlines()
    assert (lines[0], lines[-1]) == ("before", "after")
    assert "| 0.50 s | 0.70 s | 3 |" in next(line for line in lines if "kill -9" in line)
    assert "| 10.3 s | 10.3 s | 1 |" in next(line for line in lines if "SIGSTOP" in line)
    assert "| calls in the ledger | 12,345 |" in lines
    assert not any("old" in line or "other" in line or "RabbitMQ" in line for line in lines)


def test_writing_a_block_again_changes_nothing(tmp_path: Path) -> None:
    REPORT.write(tmp_path / "recovery.json")
    once = rendered(PLACE, tmp_path)
    assert rendered(once, tmp_path) == once


def test_a_block_without_a_file_names_the_command_and_no_figure(tmp_path: Path) -> None:
    assert "`make recovery`" in rendered(PLACE, tmp_path)
    assert "|" not in rendered(PLACE, tmp_path)


def test_a_block_that_nobody_knows_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="weather"):
        rendered(PLACE.replace("recovery", "weather"), tmp_path)
