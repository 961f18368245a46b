"""What processes cost, from what the kernel says of them."""

import os
from pathlib import Path

import pytest

from bench.cpu import PAGE, TICKS, Stat, Usage, cpu_between, read_stats, usage_by_group

LINE = "42 (a (b) c) S 7 1 1 0 -1 4194560 0 0 0 0 {user} {system} {dead} {dead} 20 0 1 0 99 1000000 {pages} 184467"


def stat(user: int = 0, system: int = 0, dead: int = 0, pages: int = 0) -> Stat:
    return Stat.parse(LINE.format(user=user, system=system, dead=dead, pages=pages))


def test_a_line_is_read_whatever_the_program_is_called() -> None:
    found = stat(user=TICKS, system=2 * TICKS, dead=TICKS, pages=2**20 // PAGE)
    assert found == Stat(7, Usage(cpu=5.0, mib=1.0))


def test_a_group_is_its_processes_and_what_they_started() -> None:
    stats = {
        1: Stat(0, Usage(1.0, 1.0)),
        2: Stat(1, Usage(10.0, 10.0)),
        3: Stat(2, Usage(100.0, 100.0)),
        4: Stat(0, Usage(1000.0, 1000.0)),
    }
    assert usage_by_group({"tree": [1], "gone": [99]}, stats) == {"tree": Usage(111.0, 111.0), "gone": Usage(0, 0)}


def test_what_was_used_lies_between_two_readings() -> None:
    assert cpu_between({"a": Usage(1.5, 0)}, {"a": Usage(4.0, 0)}) == {"a": 2.5}


def test_this_process_is_found() -> None:
    assert read_stats()[os.getpid()].usage.mib > 1


def test_a_process_that_ends_meanwhile_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "17").mkdir()
    assert read_stats(tmp_path) == {}


def test_a_line_that_is_cut_off_is_not_taken_for_nothing() -> None:
    with pytest.raises(IndexError):
        Stat.parse("42 (x) S 7")
