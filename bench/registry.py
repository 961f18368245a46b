"""The measures, in the order in which they are taken: turnaround needs to know what saturation is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from bench.bench import Bench, Measured
from bench.measures import saturation, turnaround

Measure = Callable[[Bench], Awaitable[Measured]]

MEASURES: Mapping[str, Measure] = {
    "saturation": saturation.measure,
    "turnaround": turnaround.measure,
}
