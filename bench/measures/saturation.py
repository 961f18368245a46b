"""Saturation: completed calls a second when jobs always wait and slots are never what is missing.

900 slots with calls of one second would allow 900 calls a second. All services, both servers, the provider and this
bench share the machine. A round is a stretch of one long campaign; CPU per call is what each process used in it.
"""

from __future__ import annotations

import asyncio
import time

from bench.bench import Bench, Measured
from bench.cpu import Usage, cpu_between
from bench.engine import Contender, Engine
from bench.figures import Figure
from bench.record import Record
from bench.site import Site
from bench.under_way import under_way
from bench.work import Work, leads_for

BUSINESSES, CAP, CALL_SECONDS = 300, 3, 1.0
BEGUN = 30
"""Calls after which the warm-up begins."""

Window = tuple[float, float, dict[str, Usage], dict[str, Usage]]


async def measure(bench: Bench, make: Contender) -> Measured:
    """Figures `calls` (1/s) and `cpu <process>` (ms a call)."""
    span = bench.sizes.saturation_warm_up + bench.rounds * bench.sizes.saturation_window
    async with bench.engine(make) as (site, engine):
        leads = leads_for(span, BUSINESSES, CAP / CALL_SECONDS, engine.most_calls)
        await site.set_call_seconds(CALL_SECONDS)
        await engine.start(Work(BUSINESSES, leads, CAP))
        await under_way(site, BEGUN)
        await asyncio.sleep(bench.sizes.saturation_warm_up)
        windows = [await _window(bench, site, engine) for _ in range(bench.rounds)]
        await engine.stop()
        judged = await engine.judged()
        record = Record.read(site.ledger)
    completed = [record.completed_between(start, end) for start, end, _, _ in windows]
    details = {**_details(windows, record), "leads": BUSINESSES * leads}
    return Measured(_figures(windows, completed), details, judged)


async def _window(bench: Bench, site: Site, engine: Engine) -> Window:
    before, start = site.usage(engine.processes()), time.monotonic()
    await asyncio.sleep(bench.sizes.saturation_window)
    return start, time.monotonic(), before, site.usage(engine.processes())


def _figures(windows: list[Window], completed: list[int]) -> dict[str, Figure]:
    rates = [count / (end - start) for count, (start, end, _, _) in zip(completed, windows, strict=True)]
    figures = {"calls": Figure.of(rates, "1/s")}
    spent = [cpu_between(before, after) for _, _, before, after in windows]
    if all(completed):
        for name in spent[0]:
            per_call = [1000 * used[name] / count for used, count in zip(spent, completed, strict=True)]
            figures[f"cpu {name}"] = Figure.of(per_call, "ms")
    return figures


def _details(windows: list[Window], record: Record) -> dict[str, object]:
    spent = [cpu_between(before, after) for _, _, before, after in windows]
    seconds = sum(end - start for start, end, _, _ in windows)
    return {
        "cores_used": {name: round(sum(used[name] for used in spent) / seconds, 3) for name in spent[0]},
        "calls_placed": len(record.calls),
        "callbacks": record.callbacks,
        "callbacks_failed": record.failed_callbacks,
    }
