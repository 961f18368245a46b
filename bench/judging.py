"""The history checker's word about one bench's ledger, as the results keep it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from history.check import read_history
from history.options import Options
from history.report import as_json, judge
from history.times import Times

PATIENCE = 5.0
REST_TIMEOUT = 120.0
SHOWN = 3


@dataclass(frozen=True)
class Judged:
    """How many calls were looked at, and by letter how often each rule was violated, with the first examples."""

    calls: int
    violated: Mapping[str, int]
    examples: tuple[str, ...] = ()

    @property
    def clean(self) -> bool:
        return not any(self.violated.values())

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "violated": dict(self.violated), "clean": self.clean}

    @classmethod
    def together(cls, *parts: Judged) -> Judged:
        """The word about several ledgers of one measure."""
        letters = dict.fromkeys(letter for part in parts for letter in part.violated)
        violated = {letter: sum(part.violated.get(letter, 0) for part in parts) for letter in letters}
        return cls(sum(part.calls for part in parts), violated, tuple(e for part in parts for e in part.examples))

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Judged:
        """What `as_json` described."""
        return cls(int(fields["calls"]), dict(fields["violated"]), tuple(fields["examples"]))


async def judge_ledger(
    ledger: Path, database_url: str, times: Times | None = None, *, wait: float = REST_TIMEOUT
) -> Judged:
    """Wait at most so long until nothing is under way, and hold the ledger against the database.

    Times are the contract's unless told. Raises history.errors.Unreadable.
    """
    options = Options(ledger=ledger, database=database_url, times=times or Times(), patience=PATIENCE, wait=wait)
    history = await read_history(options)
    report = as_json(history, judge(history), SHOWN)
    examples = [f"({rule['rule']}) {each['text']}" for rule in report["rules"] for each in rule["violations"]]
    return Judged(report["calls"], {rule["rule"]: rule["violated"] for rule in report["rules"]}, tuple(examples))
