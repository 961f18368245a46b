"""The command line."""

from __future__ import annotations

import argparse
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from chaos.plan import Plan
from chaos.run import REST_SECONDS

SECONDS = 120.0
SEEDS = 1_000_000_000


@dataclass(frozen=True)
class Options:
    """`runs` runs of `seconds` each, with the seeds from `seed` on; `rest` is how long rest may take."""

    seconds: float
    seed: int
    runs: int
    rest: float
    json: bool
    results: Path | None
    write_docs: bool

    def plans(self) -> list[Plan]:
        return [Plan(self.seed + number, self.seconds) for number in range(self.runs)]

    @property
    def command(self) -> str:
        """What one types to have these runs again."""
        return f"make chaos SECONDS={self.seconds:g} SEED={self.seed} RUNS={self.runs}"


def parse(arguments: Sequence[str]) -> Options:
    """The options in these arguments, a seed drawn where none is given; ends the process with status 2 if wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m chaos", description="Campaigns under random faults, held against the provider's ledger."
    )
    parser.add_argument("--seconds", type=float, default=SECONDS, help="how long faults go on (%(default)g)")
    parser.add_argument("--seed", type=int, help="the number that chooses the faults (drawn, and printed)")
    parser.add_argument("--runs", type=int, default=1, help="runs one after the other, each with the next seed (1)")
    parser.add_argument("--rest", type=float, default=REST_SECONDS, help="seconds that rest may take (%(default)g)")
    parser.add_argument("--json", action="store_true", help="print each run's report as a line of JSON")
    parser.add_argument("--results", type=Path, metavar="FILE", help="write the counts of all runs together there")
    parser.add_argument("--write-docs", action="store_true", help="then bring docs/guarantees.md up to date")
    given = vars(parser.parse_args(arguments))
    if given["seed"] is None:
        given["seed"] = secrets.randbelow(SEEDS)
    if given["runs"] < 1 or given["seconds"] <= 0:
        parser.error("--runs and --seconds must be above 0")
    return Options(**given)
