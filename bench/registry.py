"""The measures, in the order in which they are taken: turnaround needs to know what saturation is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from bench.bench import Bench, Measured
from bench.measures import claim_cost, intake, saturation, slot_use, standing, turnaround, webhook, whale

Measure = Callable[[Bench], Awaitable[Measured]]

MEASURES: Mapping[str, Measure] = {
    "saturation": saturation.measure,
    "turnaround": turnaround.measure,
    "slot_use": slot_use.measure,
    "claim_cost": claim_cost.measure,
    "whale": whale.measure,
    "intake": intake.measure,
    "standing": standing.measure,
    "webhook": webhook.measure,
}
