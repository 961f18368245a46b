"""Faults of links: each is cut, slowed, held and swallowed on a clock of its own.

Rules: what may carry a create keeps bytes for LINK_LIMIT at most; where a slow machine kept some for longer than is
harmless, that is written down as excused.
"""

from __future__ import annotations

import asyncio
import random
import time
from functools import partial

from chaos.links import Links
from chaos.plan import FREEZE_LIMIT, LINK_LIMIT, TOO_LATE
from chaos.stage import Stage
from stack.proxy import Proxy
from stack.weather import BOTH, Way, Weather

MEAN = 22.0
KINDS = {"cut": 30, "delay": 30, "hold": 20, "hole": 20}
SPAN = (0.1, 6.0)
WAYS: tuple[tuple[Way, ...], ...] = (BOTH, ("up",), ("down",))
SLOWEST = 0.5


def draw(chance: random.Random, *, to_provider: bool) -> tuple[Weather, float]:
    """The next weather of a link and how many seconds it lasts."""
    kind = chance.choices(list(KINDS), list(KINDS.values()))[0]
    ways, slow, span = chance.choice(WAYS), chance.uniform(0.01, SLOWEST), chance.uniform(*SPAN)
    if kind == "delay":
        return Weather("delay", ways, slow, slow / 2), span
    if kind == "hold":
        limit = LINK_LIMIT - 1.5 * SLOWEST
        return Weather("hold", ways), min(span, limit) if to_provider else span
    return Weather("hole" if kind == "hole" else "cut", ways), span


class Storms:
    """Makes the weather of every link."""

    def __init__(self, stage: Stage, links: Links) -> None:
        self._stage = stage
        self._links = links

    async def play(self) -> None:
        async with asyncio.TaskGroup() as group:
            for name, proxy in self._links.proxies.items():
                group.create_task(self._stage.now_and_then(f"link {name}", MEAN, partial(self._storm, proxy)))

    async def _storm(self, proxy: Proxy, chance: random.Random) -> None:
        weather, span = draw(chance, to_provider=proxy.name.endswith("-provider"))
        self._stage.notes.count(f"link_{weather.kind}", link=proxy.name, ways=weather.ways, span=round(span, 2))
        began = time.monotonic()
        await proxy.turn(weather)
        await self._stage.pause(span)
        await proxy.clear()
        kept = time.monotonic() - began
        if weather.kind == "hold" and proxy.name.endswith("-provider") and kept + FREEZE_LIMIT > TOO_LATE:
            why = f"{proxy.name} kept bytes for {kept:.1f} s"
            self._stage.notes.excuse("create_late", time.time() - 1, time.time() + LINK_LIMIT, why)
