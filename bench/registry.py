"""The measures, in the order in which they are taken: turnaround needs to know what saturation is.

Some can be taken of any engine, the others are about parts that only Ringfence has.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from bench.bench import Bench, Measured
from bench.engine import Contender
from bench.measures import claim_cost, crash, intake, queue, saturation, slot_use, standing, turnaround, webhook, whale

Measure = Callable[[Bench, Contender], Awaitable[Measured]]


def _own(measure: Callable[[Bench], Awaitable[Measured]]) -> Measure:
    async def of_ringfence(bench: Bench, _: Contender) -> Measured:
        return await measure(bench)

    return of_ringfence


SHARED: Mapping[str, Measure] = {
    "saturation": saturation.measure,
    "turnaround": turnaround.measure,
    "slot_use": slot_use.measure,
    "crash": crash.measure,
    "queue": queue.measure,
}
COMPARISONS = frozenset({"queue"})
"""Measures that say little of one engine alone."""
TOGETHER = frozenset({"crash"})
"""Measures that may be taken of all engines at once."""
OWN: Mapping[str, Measure] = {
    "claim_cost": _own(claim_cost.measure),
    "whale": _own(whale.measure),
    "intake": _own(intake.measure),
    "standing": _own(standing.measure),
    "webhook": _own(webhook.measure),
}
MEASURES: Mapping[str, Measure] = {**SHARED, **OWN}
