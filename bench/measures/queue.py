"""Queue: leads handed in and set to be dialled, and a one-lead run that starts behind them.

A business with 10 slots is handed a long run in each round; the rate is that of leads, from handing them in until the
engine has taken them, rows and messages alike. Then other businesses come with one lead each: how long
from handing it in until its create arrives. One that was not rung when the wait is over counts with that wait.
"""

from __future__ import annotations

import asyncio
import time

from bench.bench import Bench, Measured
from bench.engine import Contender, Engine
from bench.figures import Figure
from bench.record import Record
from bench.site import Site
from bench.work import Work

CAP, CALL_SECONDS = 10, 1.0
BIG = 10_000
"""Numbers of businesses from here on are those with long runs."""
PAUSE = 0.2
LOOK_EVERY = 0.1


async def measure(bench: Bench, make: Contender) -> Measured:
    """Figures `handed in` (1/s) and `one lead` (ms, each value one small run)."""
    sizes = bench.sizes
    async with bench.engine(make) as (site, engine):
        await site.set_call_seconds(CALL_SECONDS)
        rates = [sizes.queue_leads / await _hand_in(engine, BIG + n, sizes.queue_leads) for n in range(bench.rounds)]
        began = [await _one_lead(engine, number) for number in range(sizes.queue_starts)]
        await _rung(site, len(began), time.monotonic() + sizes.queue_wait)
        ended = time.monotonic()
        asked = {call.business: call.asked for call in Record.read(site.ledger).calls}
        await engine.stop()
        judged = await engine.judged()
    waits = [1000 * (asked.get(number, ended) - at) for number, at in enumerate(began)]
    missing = sum(number not in asked for number in range(len(began)))
    details = {"leads": bench.rounds * sizes.queue_leads, "starts": len(began), "never_rung": missing}
    return Measured({"handed in": Figure.of(rates, "1/s"), "one lead": Figure.of(waits, "ms")}, details, judged)


async def _hand_in(engine: Engine, number: int, leads: int) -> float:
    began = time.monotonic()
    await engine.start(Work(1, leads, CAP, first=number))
    return time.monotonic() - began


async def _one_lead(engine: Engine, number: int) -> float:
    began = time.monotonic()
    await engine.start(Work(1, 1, CAP, first=number))
    await asyncio.sleep(PAUSE)
    return began


async def _rung(site: Site, count: int, deadline: float) -> None:
    while time.monotonic() < deadline:
        if len({call.business for call in Record.read(site.ledger).calls if call.business < BIG}) >= count:
            return
        await asyncio.sleep(LOOK_EVERY)
