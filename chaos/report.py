"""The report of a run, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from chaos.judgement import Verdict
from chaos.plan import Plan

FIRST = ("kills", "freezes", "creates", "calls")


def text(plan: Plan, verdict: Verdict) -> str:
    return "\n".join(_lines(plan, verdict))


def as_json(plan: Plan, verdict: Verdict) -> dict[str, Any]:
    """The same for programs."""
    return {
        "seed": plan.seed,
        "seconds": plan.seconds,
        "ok": verdict.clean,
        "complaints": verdict.complaints,
        "figures": verdict.figures(),
        "faults": dict(sorted(verdict.counts.items())),
        "provider": dict(sorted(verdict.struck.items())),
        "history": verdict.as_json(),
    }


def _lines(plan: Plan, verdict: Verdict) -> Iterator[str]:
    yield f"chaos: seed {plan.seed}, {plan.seconds:g} s of faults"
    yield f"faults: {_listed(verdict.counts)}"
    yield f"the provider's: {_listed(verdict.struck)}"
    for name, figure in verdict.figures().items():
        yield f"{name.replace('_', ' ')}: {_listed(figure) if isinstance(figure, dict) else figure}"
    yield from verdict.lines()
    yield from (f"WRONG: {complaint}" for complaint in verdict.complaints)
    yield f"seed {plan.seed}: {'nothing is wrong' if verdict.clean else 'SOMETHING IS WRONG'}"


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items())) or "none"
