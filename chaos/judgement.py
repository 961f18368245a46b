"""The verdict on a run that has come to rest."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from chaos.plan import TIMES
from chaos.stage import Stage
from history.check import read_history
from history.history import History
from history.options import Options
from history.report import Judgement, as_json, as_text, is_clean, judge
from history.times import Times

PATIENCE = 30.0
SHOWN = 20
FREEZES = ("short_freeze", "long_freeze", "freeze_and_kill")
KILLS = ("kill", "freeze_and_kill", "rabbitmq_killed", "postgres_killed")


@dataclass(frozen=True)
class Verdict:
    """What the checker found, and what is wrong besides; `struck` counts the provider's faults by mode."""

    history: History
    judgements: list[Judgement]
    complaints: list[str]
    counts: Counter[str]
    struck: dict[str, int] = field(default_factory=dict)

    @property
    def clean(self) -> bool:
        return is_clean(self.judgements) and not self.complaints

    def figures(self) -> dict[str, Any]:
        """The figures that the guarantees speak of."""
        ledger = self.history.ledger
        return {
            "kills": sum(self.counts[kind] for kind in KILLS),
            "freezes": sum(self.counts[kind] for kind in FREEZES),
            "creates": len(ledger.creates),
            "calls": len(ledger.calls),
            "foreign_calls": len(ledger.foreign),
            "call_rows": len(self.history.rows.calls),
            "runs": len(self.history.rows.runs),
            "jobs": len(self.history.rows.jobs),
            "second_calls": dict(self._causes(second=True)),
            "surfaced_calls": dict(self._causes(second=False)),
            "doubles": len(self.doubles()) + self.violations("b", "i", "j"),
            "leads_forgotten": self.violations("e", "g"),
            "slots_leaked": self.violations("h"),
            "instants_over_the_cap": self.violations("c"),
        }

    def doubles(self) -> list[int]:
        """Jobs whose lead the provider rang more than once for them, the seconds of one create left out."""
        history = self.history
        rung: Counter[int] = Counter()
        for call in history.ledger.calls:
            row = history.row_of(call.create)
            if row is not None and not history.is_second(call) and not history.is_excused(call):
                rung[row.job_id] += 1
        return [job for job, times in rung.items() if times > 1]

    def violations(self, *letters: str) -> int:
        """How often these rules are violated, or all of them."""
        return sum(len(one.findings.violations) for one in self.judgements if not letters or one.rule.letter in letters)

    def lines(self) -> list[str]:
        """The checker's own report."""
        return list(as_text(self.history, self.judgements, SHOWN))

    def as_json(self) -> dict[str, Any]:
        """The checker's report for programs."""
        return as_json(self.history, self.judgements, SHOWN)

    def _causes(self, *, second: bool) -> Counter[str]:
        """Calls beside those that their creates were for, by the fault that made them."""
        history, causes = self.history, Counter[str]()
        for call in history.ledger.calls:
            if call.create and (history.is_second(call) if second else history.is_superseded(call)):
                causes[call.create.mode or "/".join(sorted(call.behaviour)) or "none"] += 1
        return causes


async def pass_verdict(stage: Stage, *, transit: float, struck: dict[str, int]) -> Verdict:
    """Hold the run against the ledger. `transit` is how long a link kept a create at most, in seconds."""
    notes = stage.notes
    options = Options(
        ledger=stage.ledger,
        database=stage.stack.database_url,
        times=Times.picked(TIMES),
        caps=notes.caps,
        actions=notes.actions,
        faults=notes.faults,
        transit=transit,
        patience=PATIENCE,
        wait=PATIENCE,
    )
    history = await read_history(options)
    verdict = Verdict(history, judge(history), notes.complaints, notes.counts, struck)
    for job in verdict.doubles():
        notes.complain(f"the lead of job {job} was rung more than once")
    return verdict
