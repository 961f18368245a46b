"""Standing load: what it costs to wait.

1,000 runs that have a live call each, no slot free and more jobs queued, so that there is nothing to do but beats,
sweeps and looks; then live calls in the same way, ten to a business, 10,000 in the full form. CPU is in % of one core,
memory in MiB resident. The history checker judges while the calls go on, for nothing moves.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence

import asyncpg

from bench.bench import Bench, Measured
from bench.cpu import Usage, cpu_between
from bench.figures import Figure
from bench.judging import Judged, judge_ledger
from bench.ringfence import SERVICES, Ringfence
from bench.site import Site
from bench.work import Work

RUNS = 1000
RATE = "100"
"""Calls a second while they are being dialled: all at once they would keep the webhook from answering in time."""
FOR_EVER = {"id": "for ever", "mode": "outcome", "params": {"outcome": "answered", "talk_seconds": 100_000}}
SETTLE = 3.0
LIVE_TIMEOUT = 600.0
LOOK_EVERY = 0.5
LIVE = "SELECT count(*) FROM calls WHERE state = 'answered'"


async def measure(bench: Bench) -> Measured:
    """Figures `<what> cpu <process>`, `<what> memory <process>` and `<what> cpu services`, all four together."""
    sizes = bench.sizes
    waiting = Work(RUNS, 3, 1)
    calling = Work(sizes.live_calls // 10, 12, 10)
    figures, judged = await _measure(bench, f"{RUNS} runs", waiting)
    more, also_judged = await _measure(bench, f"{sizes.live_calls} calls", calling)
    return Measured(figures | more, judged=Judged.together(judged, also_judged))


async def _measure(bench: Bench, name: str, work: Work) -> tuple[dict[str, Figure], Judged]:
    async with bench.engine(Ringfence, {"CALLS_PER_SECOND": RATE}) as (site, engine):
        await site.provider.add_rules(FOR_EVER)
        await engine.start(work)
        await _live(site, work.businesses * work.cap)
        await asyncio.sleep(SETTLE)
        windows = [await _window(site, engine.processes(), bench.sizes.standing_window) for _ in range(bench.rounds)]
        return _figures(name, windows), await judge_ledger(site.ledger, site.database.url, wait=0.0)


async def _live(site: Site, calls: int) -> None:
    connection = await asyncpg.connect(site.database.superuser_url)
    try:
        async with asyncio.timeout(LIVE_TIMEOUT):
            while await connection.fetchval(LIVE) < calls:  # noqa: ASYNC110 - another process makes them
                await asyncio.sleep(LOOK_EVERY)
    finally:
        await connection.close()


async def _window(
    site: Site, own: Mapping[str, Sequence[int]], seconds: float
) -> tuple[float, dict[str, Usage], dict[str, Usage]]:
    before, start = site.usage(own), time.monotonic()
    await asyncio.sleep(seconds)
    return time.monotonic() - start, before, site.usage(own)


def _figures(name: str, windows: list[tuple[float, dict[str, Usage], dict[str, Usage]]]) -> dict[str, Figure]:
    shares = [{who: 100 * cpu / span for who, cpu in cpu_between(a, b).items()} for span, a, b in windows]
    figures = {f"{name} cpu services": Figure.of((sum(one[who] for who in SERVICES) for one in shares), "%")}
    for who in shares[0]:
        if who != "bench":
            figures[f"{name} cpu {who}"] = Figure.of((one[who] for one in shares), "%")
            figures[f"{name} memory {who}"] = Figure.of((after[who].mib for _, _, after in windows), "MiB")
    return figures
