"""The command line of the bench."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.engines import LOAD
from bench.registry import COMPARISONS, MEASURES, SHARED
from bench.ringfence import Ringfence
from bench.sizes import FULL, QUICK
from stack.rundir import ROOT, RUNS

COMPLETE = ROOT / "bench" / "results"
PARTIAL = RUNS / "bench-results"
ROUNDS = 5


@dataclass(frozen=True)
class Options:
    """Which measures of which engines, in which form, how often, and where the results go.

    `chosen` says that engines were asked for by name: then each is taken through every measure that it can be.
    """

    only: tuple[str, ...]
    engines: tuple[str, ...]
    chosen: bool
    full: bool
    rounds: int
    results: Path

    def engines_for(self, measure: str) -> tuple[str, ...]:
        """Who is taken through this measure."""
        ours = tuple(name for name in self.engines if name == Ringfence.name)
        if measure not in SHARED:
            return ours
        rivals = (FULL if self.full else QUICK).rivals
        if self.chosen or measure in rivals:
            return self.engines
        return () if measure in COMPARISONS else ours


def parse(arguments: Sequence[str]) -> Options:
    """The options in these arguments; ends the process with status 2 where they make no sense."""
    given = _parser().parse_args(arguments)
    only = tuple(name for name in MEASURES if not given.only or name in given.only)
    engines = tuple(name for name in LOAD if not given.engine or name in given.engine)
    complete = only == tuple(MEASURES) and engines == tuple(LOAD)
    results = given.results or (COMPLETE if complete else PARTIAL)
    return Options(only, engines, bool(given.engine), given.full, given.rounds, results)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measures the system on this machine.")
    parser.add_argument("--only", nargs="+", choices=tuple(MEASURES), metavar="NAME", help=", ".join(MEASURES))
    parser.add_argument("--engine", nargs="+", choices=tuple(LOAD), metavar="NAME", help=", ".join(LOAD))
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
