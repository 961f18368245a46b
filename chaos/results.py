"""What runs leave behind for the documents: their counts added up, as bench/results/README.md describes them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from bench.machine import Machine
from bench.report import Report, now
from chaos.plan import SETTINGS, Plan
from chaos.run import Outcome

FROM_FIGURES = {
    "kills": "kills",
    "freezes": "freezes",
    "creates": "creates",
    "calls": "calls",
    "jobs": "jobs",
    "runs": "runs",
    "doubles": "doubles",
    "leads_forgotten": "forgotten",
    "slots_leaked": "leaked",
    "instants_over_the_cap": "over_cap",
}
RESTARTS = ("rabbitmq_killed", "postgres_killed", "postgres_stopped")
CUTS = ("link_cut", "link_hold", "link_hole")


@dataclass(frozen=True)
class Before:
    """What has to be known before the first run."""

    machine: Machine
    load: float

    @classmethod
    async def look(cls) -> Before:
        return cls(await Machine.here(), os.getloadavg()[0])


def report(command: str, before: Before, runs: Sequence[tuple[Plan, Outcome]]) -> Report:
    """Every run's counts together."""
    counts: Counter[str] = Counter(dict.fromkeys(FROM_FIGURES.values(), 0))
    for plan, outcome in runs:
        verdict = outcome.verdict
        figures = verdict.figures()
        counts.update({name: figures[figure] for figure, name in FROM_FIGURES.items()})
        counts["restarts"] += sum(verdict.counts[kind] for kind in RESTARTS)
        counts["cuts"] += sum(verdict.counts[kind] for kind in CUTS)
        counts["seconds"] += round(plan.seconds)
        counts["violations"] += len(verdict.complaints) + verdict.violations()
    counts["runs_of_chaos"] = len(runs)
    counts["rules"] = len(runs[0][1].verdict.judgements)
    return Report(command, before.machine, now(), before.load, counts, {}, SETTINGS)
