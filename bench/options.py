"""The command line of the bench."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.registry import MEASURES
from stack.rundir import ROOT, RUNS

COMPLETE = ROOT / "bench" / "results"
PARTIAL = RUNS / "bench-results"
ROUNDS = 5


@dataclass(frozen=True)
class Options:
    """Which measures, in which form, how often, and where the results go."""

    only: tuple[str, ...]
    full: bool
    rounds: int
    results: Path

    @property
    def complete(self) -> bool:
        return set(self.only) == set(MEASURES)


def parse(arguments: Sequence[str]) -> Options:
    """The options in these arguments; ends the process with status 2 where they make no sense."""
    given = _parser().parse_args(arguments)
    only = tuple(name for name in MEASURES if not given.only or name in given.only)
    results = given.results or (COMPLETE if only == tuple(MEASURES) else PARTIAL)
    return Options(only, given.full, given.rounds, results)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measures the system on this machine.")
    parser.add_argument("--only", nargs="+", choices=tuple(MEASURES), metavar="NAME", help=", ".join(MEASURES))
    parser.add_argument("--full", action="store_true", help="the long form, with the largest sizes")
    parser.add_argument("--rounds", type=_rounds, default=ROUNDS, help="rounds of each measure (%(default)s)")
    parser.add_argument(
        "--results", type=Path, metavar="DIR", help="bench/results when everything is measured, else .run/bench-results"
    )
    return parser


def _rounds(text: str) -> int:
    rounds = int(text)
    if rounds < 1:
        raise ValueError(text)
    return rounds
