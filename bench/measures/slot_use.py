"""Slot use: the share of the slots' time that is used while jobs wait (bench/occupancy.py says exactly).

150 businesses of 3 slots, calls of 1 and 5 seconds, in the full form ours with 30 seconds too. The ideal is 100 %.
"""

from __future__ import annotations

import asyncio
import time

from bench.bench import Bench, Measured
from bench.engine import Contender, Engine
from bench.figures import Figure
from bench.judging import Judged
from bench.occupancy import slot_use
from bench.record import Placed, Record
from bench.ringfence import Ringfence
from bench.site import Site
from bench.under_way import under_way
from bench.work import Work, leads_for

BUSINESSES, CAP = 150, 3
BEGUN = 30
"""Calls after which the warm-up begins."""
WARM_UP = 2.0

Window = tuple[float, float]


async def measure(bench: Bench, make: Contender) -> Measured:
    """Figures `calls of 1 s`, `calls of 5 s` …, in %.

    Each length has an engine of its own: a stopped campaign may leave jobs in the queue, before those of the next.
    """
    figures, judged = {}, []
    for seconds, span in bench.sizes.slot_use:
        if make.name != Ringfence.name and seconds > bench.sizes.rivals_calls:
            continue
        async with bench.engine(make) as (site, engine):
            leads = leads_for(WARM_UP + seconds + bench.rounds * span, BUSINESSES, CAP / seconds, engine.most_calls)
            work = Work(BUSINESSES, leads + CAP, CAP)
            windows = await _windows(bench, site, engine, work, seconds, span)
            judged.append(await engine.judged())
            shares = _shares(list(Record.read(site.ledger).calls), work, windows)
        figures[f"calls of {seconds:g} s"] = Figure.of(shares, "%")
    return Measured(figures, judged=Judged.together(*judged))


async def _windows(bench: Bench, site: Site, engine: Engine, work: Work, seconds: float, span: float) -> list[Window]:
    await site.set_call_seconds(seconds)
    began = time.monotonic()
    await engine.start(work)
    await under_way(site, BEGUN, began)
    await asyncio.sleep(WARM_UP + seconds)
    windows = []
    for _ in range(bench.rounds):
        start = time.monotonic()
        await asyncio.sleep(span)
        windows.append((start, time.monotonic()))
    await engine.stop()
    return windows


def _shares(calls: list[Placed], work: Work, windows: list[Window]) -> list[float]:
    shares = [slot_use(calls, work, start, end) for start, end in windows]
    return [100 * share for share in shares if share is not None]
