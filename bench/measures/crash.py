"""Crash: SIGKILL for whatever dials, in the middle of a campaign, and one restart; then who was rung, and how often.

60 leads of 20 businesses with 3 slots each, and calls of 20 seconds, as people talk. The provider answers a create
200 ms after it took it, as one far away does, and the kill comes when a third of the leads were asked for: some answer
is on its way then. The ledger says how often each lead was rung; one that is not rung when `crash_wait` is over counts
as forgotten, though an engine may mean to come back to it later. Calls may go on while the checker judges.

No speed is measured here, so all engines are taken through it at once, each on a site of its own.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bench.bench import Bench, Measured
from bench.engine import Contender, Engine
from bench.figures import Figure
from bench.record import Placed, Record
from bench.site import Site
from bench.work import Work
from stack.errors import StackError

WORK = Work(20, 3, 3)
LEADS = WORK.businesses * WORK.leads_each
KILL_AT = LEADS // 3
CALL_SECONDS, ANSWER_SECONDS = 20.0, 0.2
SLOW_ANSWER = {"mode": "response_delay", "params": {"seconds": ANSWER_SECONDS}}
BEGIN_TIMEOUT = 60.0
LOOK_EVERY = 0.02


@dataclass(frozen=True)
class Aftermath:
    """One campaign: numbers rung more than once, numbers never rung, seconds from the kill until all were rung."""

    twice: int
    forgotten: int
    seconds: float


async def measure(bench: Bench, make: Contender) -> Measured:
    """Figures `rung twice` and `forgotten` (leads of 60) and `all rung` (s, the wait's end where some never were)."""
    async with bench.engine(make) as (site, engine):
        await site.set_call_seconds(CALL_SECONDS)
        await site.provider.add_rules(SLOW_ANSWER)
        rounds: list[Aftermath] = []
        for _ in range(min(bench.rounds, bench.sizes.crashes)):
            if rounds:
                await engine.stop()
            rounds.append(await _campaign(bench, site, engine))
        judged = await engine.judged(wait=0.0)
    figures = {
        "rung twice": Figure.of((one.twice for one in rounds), "leads"),
        "forgotten": Figure.of((one.forgotten for one in rounds), "leads"),
        "all rung": Figure.of((one.seconds for one in rounds), "s"),
    }
    details: dict[str, Any] = {"leads": LEADS, "kills": len(rounds), "wait": bench.sizes.crash_wait}
    return Measured(figures, details, judged)


async def _campaign(bench: Bench, site: Site, engine: Engine) -> Aftermath:
    start = time.monotonic()
    await engine.start(WORK)
    if not await _until(lambda: len(_calls(site, start)) >= KILL_AT, start + BEGIN_TIMEOUT):
        raise StackError(f"{engine.name} has not rung {KILL_AT} leads within {BEGIN_TIMEOUT:g} s")
    killed = time.monotonic()
    await engine.crash()
    await asyncio.sleep(max(0.0, killed + bench.sizes.crash_wait - time.monotonic()))
    return aftermath(_calls(site, start), killed, killed + bench.sizes.crash_wait)


async def _until(reached: Callable[[], bool], deadline: float) -> bool:
    """Whether it was reached in time."""
    while time.monotonic() < deadline:
        if reached():
            return True
        await asyncio.sleep(LOOK_EVERY)
    return False


def aftermath(calls: list[Placed], killed: float, until: float) -> Aftermath:
    """What became of the leads; `until` is the end of the wait."""
    rung = Counter((call.business, call.to) for call in calls if call.asked < until)
    first: dict[str, float] = {}
    for call in calls:
        first[call.to] = min(call.asked, first.get(call.to, call.asked))
    forgotten = LEADS - len(rung)
    last = until if forgotten else max(first.values())
    return Aftermath(sum(times > 1 for times in rung.values()), forgotten, max(0.0, last - killed))


def _calls(site: Site, start: float) -> list[Placed]:
    return [call for call in Record.read(site.ledger).calls if call.asked >= start]
