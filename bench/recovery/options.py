"""The command line of the recovery measurement."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.recovery.scene import CALM, Calm

FAULTS = ("kill", "freeze", "rabbitmq", "postgres", "decide")
KILL_ROUNDS = 20
ROUNDS = 5


@dataclass(frozen=True)
class Options:
    """What is measured how often; `rounds` None is 20 for kill and 5 for the others."""

    rounds: int | None = None
    only: tuple[str, ...] = FAULTS
    json: Path | None = None
    write_docs: bool = False
    seed: int = 1
    calm: Calm = CALM

    def rounds_of(self, fault: str) -> int:
        return self.rounds or (KILL_ROUNDS if fault == "kill" else ROUNDS)

    @property
    def command(self) -> str:
        """The command with what decides the figures."""
        words = ["python -m bench.recovery"]
        if self.rounds:
            words.append(f"--rounds {self.rounds}")
        if self.only != FAULTS:
            words.append(f"--only {','.join(self.only)}")
        if self.seed != Options.seed:
            words.append(f"--seed {self.seed}")
        return " ".join(words)


def parse(arguments: Sequence[str]) -> Options:
    """The options in these arguments; ends the process with status 2 where they make no sense."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.recovery", description="Measures how long dialling pauses after a fault."
    )
    parser.add_argument("--rounds", type=_rounds, metavar="N", help=f"of each fault ({KILL_ROUNDS} kills, {ROUNDS})")
    parser.add_argument("--only", type=_faults, default=FAULTS, metavar="FAULT,…", help=f"of {','.join(FAULTS)}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    parser.add_argument("--write-docs", action="store_true", help="then bring docs/guarantees.md up to date")
    parser.add_argument("--seed", type=int, default=Options.seed, help="when the faults strike (%(default)s)")
    return Options(**vars(parser.parse_args(arguments)))


def _rounds(text: str) -> int:
    if int(text) < 1:
        raise ValueError(text)
    return int(text)


def _faults(text: str) -> tuple[str, ...]:
    wanted = tuple(text.split(","))
    if not set(wanted) <= set(FAULTS):
        raise ValueError(text)
    return tuple(fault for fault in FAULTS if fault in wanted)
