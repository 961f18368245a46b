"""The command line."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from history.history import PATIENCE, SKEW
from history.times import Times

SHOWN = 10


@dataclass(frozen=True, slots=True)
class Options:
    """What is to be judged, and how; spans are in seconds."""

    ledger: Path
    database: str
    times: Times = field(default_factory=Times)
    caps: Path | None = None
    actions: Path | None = None
    faults: Path | None = None
    skew: float = SKEW
    transit: float = 0.0
    patience: float = PATIENCE
    wait: float = 0.0
    shown: int = SHOWN
    json: bool = False


def parse(arguments: Sequence[str]) -> Options:
    """The options in these arguments; ends the process with status 2 where they make no sense."""
    given = vars(_parser().parse_args(arguments))
    times = Times.parsed(given.pop("settings"))
    return Options(times=times, **given)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m history", description="Holds a database of calls against the provider's own ledger."
    )
    parser.add_argument("--ledger", type=Path, required=True, help="the provider's record, JSON lines")
    parser.add_argument("--database", required=True, metavar="URL", help="postgresql://…, read only")
    parser.add_argument(
        "--settings", nargs="*", action="extend", default=[], metavar="KEY=VALUE",
        help="SEND_WITHIN, DIAL_TIMEOUT, SETTLE_AFTER, ABSENT_AFTER, MAX_CALL_SECONDS where not the defaults",
    )  # fmt: skip
    parser.add_argument("--caps", type=Path, metavar="FILE", help="changes of caps, JSON lines")
    parser.add_argument("--actions", type=Path, metavar="FILE", help="operators' answered requests, JSON lines")
    parser.add_argument("--faults", type=Path, metavar="FILE", help="faults injected beside the ledger's, JSON lines")
    parser.add_argument("--skew", type=_seconds, default=SKEW, help="seconds between the clocks (%(default)s)")
    parser.add_argument("--transit", type=_seconds, default=0.0, help="seconds a network may delay a create (0)")
    parser.add_argument(
        "--patience", type=_seconds, default=PATIENCE, help="seconds that settling may take (%(default)g)"
    )
    parser.add_argument("--wait", type=_seconds, default=0.0, help="wait so long at most until all is at rest (0)")
    parser.add_argument("--show", type=int, dest="shown", default=SHOWN, help="violations to print a rule (10)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds < math.inf:
        raise ValueError(text)
    return seconds
