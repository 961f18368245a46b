"""Turnaround: from the sending of a terminal callback to the arrival of the next create of that business.

Both ends are the provider's clock (bench/turnarounds.py says exactly). At rest there is one business with one slot and
calls of 30 ms: nothing else happens meanwhile. At half of saturation so many slots with calls of one second that half
of the calls a second come about which the saturation measure found. Beside it the floor of bench/floor.py.
"""

from __future__ import annotations

import asyncio
import math
import time

from bench.bench import Bench, Measured
from bench.engine import EngineFactory
from bench.figures import Figure
from bench.floor import floor
from bench.judging import Judged
from bench.measures import saturation
from bench.record import Record
from bench.ringfence import Ringfence
from bench.site import Site
from bench.turnarounds import turnarounds
from bench.work import Work

REST_SECONDS = 0.03
HALF_CAP, HALF_SECONDS = 3, 1.0
WARM_UP = 3.0
QUANTILES = {"p50": 0.5, "p99": 0.99, "max": 1.0}
ROUND_TIMEOUT = 120.0
LOOK_EVERY = 0.5


async def measure(bench: Bench, make: EngineFactory = Ringfence) -> Measured:
    """Figures `rest p50` … `half max` and `floor p50` …, in ms; a value is that quantile of one round."""
    half = await _saturation_of(bench, make) / 2
    floors = [await floor(bench.servers, bench.sizes.floor_laps) for _ in range(bench.rounds)]
    rests, rest_judged = await _at_rest(bench, make)
    halves, half_judged = await _at_half(bench, make, half)
    figures = {**_quantiles("floor", floors), **_quantiles("rest", rests), **_quantiles("half", halves)}
    samples = {"floor": floors, "rest": rests, "half": halves}
    details = {
        "half_calls_per_second": round(half, 1),
        "samples_ms": {
            name: [round(1000 * one, 2) for own in rounds for one in own] for name, rounds in samples.items()
        },
    }
    return Measured(figures, details, Judged.together(rest_judged, half_judged))


async def _saturation_of(bench: Bench, make: EngineFactory) -> float:
    """What this bench found before; measured now where it was left out."""
    for known in bench.measured.get("saturation", {}).values():
        return known.figures["calls"].median
    bench.tell("turnaround at half of saturation needs to know what saturation is")
    return (await saturation.measure(bench, make)).figures["calls"].median


async def _at_rest(bench: Bench, make: EngineFactory) -> tuple[list[list[float]], Judged]:
    async with bench.engine(make) as (site, engine):
        await site.set_call_seconds(REST_SECONDS)
        rounds = []
        for _ in range(bench.rounds):
            start = time.monotonic()
            await engine.start(Work(1, bench.sizes.rest_calls, 1))
            await _rung(site, bench.sizes.rest_calls, start)
            calls = [call for call in Record.read(site.ledger).calls if call.asked >= start]
            rounds.append(turnarounds(calls, 1))
        await engine.stop()
        return rounds, await engine.judged()


async def _rung(site: Site, count: int, start: float) -> None:
    """Wait until so many calls that began after `start` are over."""
    async with asyncio.timeout(ROUND_TIMEOUT):
        while True:
            calls = Record.read(site.ledger).calls
            if sum(call.asked >= start and call.told is not None for call in calls) >= count:
                return
            await asyncio.sleep(LOOK_EVERY)


async def _at_half(bench: Bench, make: EngineFactory, half: float) -> tuple[list[list[float]], Judged]:
    span = WARM_UP + bench.rounds * bench.sizes.half_window
    businesses = max(1, math.ceil(half * HALF_SECONDS / HALF_CAP))
    work = Work(businesses, int(2 * span * HALF_CAP / HALF_SECONDS), HALF_CAP)
    async with bench.engine(make) as (site, engine):
        await site.set_call_seconds(HALF_SECONDS)
        await engine.start(work)
        await asyncio.sleep(WARM_UP)
        starts = [await _wait(bench.sizes.half_window) for _ in range(bench.rounds)]
        await engine.stop()
        judged = await engine.judged()
        calls = Record.read(site.ledger).calls
    windows = [(start, start + bench.sizes.half_window) for start in starts]
    return [turnarounds(calls, HALF_CAP, start, end) for start, end in windows], judged


async def _wait(seconds: float) -> float:
    start = time.monotonic()
    await asyncio.sleep(seconds)
    return start


def _quantiles(name: str, rounds: list[list[float]]) -> dict[str, Figure]:
    figures = [Figure.of((1000 * one for one in own), "ms") for own in rounds]
    return {f"{name} {word}": Figure.of((one.quantile(q) for one in figures), "ms") for word, q in QUANTILES.items()}
