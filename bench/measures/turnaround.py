"""Turnaround: from the sending of a terminal callback to the arrival of the next create of that business.

Both ends are the provider's clock (bench/turnarounds.py says exactly). At rest there is one business with one slot and
calls of 30 ms: nothing else happens meanwhile. At half of saturation so many slots with calls of one second that half
of the calls a second come about which the saturation measure found. Beside it the floor of bench/floor.py, lap after
lap and at the pace of the calls at rest.
"""

from __future__ import annotations

import asyncio
import math
import time

from bench.bench import Bench, Measured
from bench.engine import Contender
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
LOOK_EVERY = 0.2


async def measure(bench: Bench, make: Contender) -> Measured:
    """Figures `rest p50` … `half max`, `floor p50` … and `paced floor p50` …, in ms, a value from each round.

    The floors are measured once in a bench, with the first engine.
    """
    samples: dict[str, list[list[float]]] = {}
    details: dict[str, object] = {}
    judged: list[Judged] = []
    if not bench.measured.get("turnaround"):
        samples |= await _floors(bench)
    samples["rest"], word = await _at_rest(bench, make)
    judged.append(word)
    if bench.sizes.rivals_at_half or make.name == Ringfence.name:
        half = await _saturation_of(bench, make) / 2
        samples["half"], word = await _at_half(bench, make, half)
        judged.append(word)
        details["half_calls_per_second"] = round(half, 1)
    figures = {name: figure for which, rounds in samples.items() for name, figure in _quantiles(which, rounds).items()}
    in_ms = {name: [round(1000 * one, 2) for own in rounds for one in own] for name, rounds in samples.items()}
    return Measured(figures, {**details, "samples_ms": in_ms}, Judged.together(*judged))


async def _floors(bench: Bench) -> dict[str, list[list[float]]]:
    servers, sizes = bench.servers, bench.sizes
    return {
        "floor": [await floor(servers, sizes.floor_laps) for _ in range(bench.rounds)],
        "paced floor": [await floor(servers, sizes.paced_laps, pause=REST_SECONDS) for _ in range(bench.rounds)],
    }


async def _saturation_of(bench: Bench, make: Contender) -> float:
    """What this bench found before of the same engine; measured now where it was left out."""
    known = bench.measured.get("saturation", {}).get(make.name)
    if known is not None:
        return known.figures["calls"].median
    bench.tell("turnaround at half of saturation needs to know what saturation is")
    return (await saturation.measure(bench, make)).figures["calls"].median


async def _at_rest(bench: Bench, make: Contender) -> tuple[list[list[float]], Judged]:
    async with bench.engine(make) as (site, engine):
        await site.set_call_seconds(REST_SECONDS)
        rounds = []
        for _ in range(bench.rounds):
            start = time.monotonic()
            await engine.start(Work(1, bench.sizes.rest_calls, 1))
            await _rung(site, bench.sizes.rest_calls, start, bench.sizes.rest_seconds)
            await engine.stop()
            calls = [call for call in Record.read(site.ledger).calls if call.asked >= start]
            rounds.append(turnarounds(calls, 1))
        return rounds, await engine.judged()


async def _rung(site: Site, count: int, start: float, seconds: float) -> None:
    """Wait until so many calls that began after `start` are over, or for so many seconds and until two are."""
    async with asyncio.timeout(ROUND_TIMEOUT):
        while True:
            calls = Record.read(site.ledger).calls
            over = sum(call.asked >= start and call.told is not None for call in calls)
            if over >= count or (over > 1 and time.monotonic() > start + seconds):
                return
            await asyncio.sleep(LOOK_EVERY)


async def _at_half(bench: Bench, make: Contender, half: float) -> tuple[list[list[float]], Judged]:
    span = WARM_UP + bench.rounds * bench.sizes.half_window
    businesses = max(1, math.ceil(half * HALF_SECONDS / HALF_CAP))
    work = Work(businesses, math.ceil(2 * span * HALF_CAP / HALF_SECONDS), HALF_CAP)
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
