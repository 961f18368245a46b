"""What was tried in a row of campaigns and what the checker said, for the last lines of a run and its report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from history.history import History
from history.report import Judgement
from tests.crashpoints.points import POINTS, Fault, Point

NAMES = {"doubles": "bij", "over_cap": "c", "forgotten": "g", "leaked": "h"}
"""Counts of violations that have names of their own, with the rules of the checker that they belong to."""


@dataclass
class Tally:
    """Counts of campaigns and faults, and the totals of the ledger and the checker after the last campaign."""

    begun: int = 0
    ended: int = 0
    tried: int = 0
    struck: Counter[str] = field(default_factory=Counter)
    points: set[Point] = field(default_factory=set)
    totals: dict[str, int] = field(default_factory=dict)

    def begin(self, faults: Sequence[Fault]) -> None:
        """A campaign begins under these faults."""
        self.begun += 1
        self.tried += len(faults)

    def count(self, struck: Iterable[Fault]) -> None:
        """It has been played, and these struck."""
        for fault in struck:
            self.struck[fault.do] += 1
            self.points.add(fault.point)

    def judge(self, history: History, judgements: Sequence[Judgement]) -> None:
        """The checker has judged everything so far."""
        self.ended += 1
        violations = {one.rule.letter: len(one.findings.violations) for one in judgements}
        self.totals = {
            "creates": len(history.ledger.creates),
            "calls": len(history.ledger.calls),
            **{name: sum(violations[letter] for letter in letters) for name, letters in NAMES.items()},
            "rules": len(judgements),
            "checks": sum(one.findings.checked for one in judgements),
            "violations": sum(violations.values()),
        }

    def counts(self) -> dict[str, int]:
        """Everything, by name."""
        return {
            "points": len(self.points),
            "trials": self.ended,
            "tried": self.tried,
            "struck": self.struck.total(),
            "kills": self.struck["kill"],
            "freezes": self.struck["stop"],
            **self.totals,
        }

    def lines(self) -> Iterator[str]:
        """The same for people."""
        counts = self.counts()
        yield f"crash points at which a fault struck: {counts['points']} of {len(POINTS)}"
        yield f"campaigns: {self.begun} begun, {self.ended} judged"
        yield f"faults: {self.tried} tried, {counts['kills']} kills and {counts['freezes']} freezes struck"
        if self.totals:
            yield f"provider's ledger: {counts['creates']} creates, {counts['calls']} calls"
            checked = f"{counts['rules']} rules, {counts['checks']} checks"
            yield f"history checker: {checked}, {counts['violations']} violations"
