"""Faults of processes: kill -9, SIGTERM, and freezes short and long.

Rules: the dispatcher that dials is found by its metric. A dispatcher is frozen for longer than the lease and the
deadlines, but not for so long that a byte checked before could ring somebody who was given up meanwhile; where a slow
machine thaws it later than that, the creates of that moment are written down as excused.
"""

from __future__ import annotations

import asyncio
import random
import signal
import time
from dataclasses import dataclass
from functools import partial

from chaos.crew import DISPATCHERS, Crew
from chaos.plan import FREEZE_LIMIT, LINK_LIMIT, TOO_LATE
from chaos.stage import Stage

MEANS = {"api": 12.0, "webhook": 9.0, "reaper": 12.0, "active": 5.0, "standby": 14.0}
"""Seconds between two faults of each; active and standby are the two dispatchers as they are at that moment."""

DEEDS = {"kill": 40, "term": 20, "short_freeze": 20, "long_freeze": 14, "freeze_and_kill": 6}
SHORT = (0.05, 1.5)
LONG = (4.2, FREEZE_LIMIT)
LONGEST = (5.0, 12.0)
STAYS_DOWN = (0.5, 4.0)
AGAIN_SOON_SHARE = 0.3
RECOVERY = 20.0
SEARCH = 3.0
LOOK_EVERY = 0.1


@dataclass(frozen=True)
class Blow:
    """What happens to a process, and the seconds for which it is frozen, and stays down once it is dead.

    `again_soon`: it may meet its next blow before it is ready again.
    """

    deed: str
    frozen: float
    down: float
    again_soon: bool


def draw(chance: random.Random, *, dials: bool) -> Blow:
    """The next blow for a process, milder for one that dials."""
    deed = chance.choices(list(DEEDS), list(DEEDS.values()))[0]
    span = SHORT if deed == "short_freeze" else LONG if dials else LONGEST
    down = chance.uniform(*STAYS_DOWN) if chance.random() < 0.4 else 0.0
    return Blow(deed, chance.uniform(*span), down, again_soon=chance.random() < AGAIN_SOON_SHARE)


class Deaths:
    """Kills and freezes the crew."""

    def __init__(self, stage: Stage, crew: Crew) -> None:
        self._stage = stage
        self._crew = crew

    async def play(self) -> None:
        """Every process on a clock of its own, until the faults stop; whoever is down then is brought back."""
        async with asyncio.TaskGroup() as group:
            for victim, mean in MEANS.items():
                deed = partial(self._befall, victim)
                group.create_task(self._stage.now_and_then(f"death of {victim}", mean, deed))

    async def _befall(self, victim: str, chance: random.Random) -> None:
        dials = victim in ("active", "standby")
        blow = draw(chance, dials=dials)
        name = await self._find(victim) if dials else victim
        if name is None:
            self._stage.notes.count("nobody_dials")
            return
        async with self._crew.hands[name]:
            await self._strike(name, blow, victim)

    async def _find(self, victim: str) -> str | None:
        """The dispatcher that dials, or the other one; None where none says within a while that it does."""
        deadline = time.monotonic() + SEARCH
        while (active := await self._crew.active()) is None:
            if self._stage.over or time.monotonic() > deadline:
                return None
            await self._stage.pause(LOOK_EVERY)
        return active if victim == "active" else next(name for name in DISPATCHERS if name != active)

    async def _strike(self, name: str, blow: Blow, victim: str) -> None:
        self._stage.notes.count(blow.deed, service=name, victim=victim)
        if "freeze" in blow.deed:
            await self._freeze(name, blow.frozen, thaw=blow.deed != "freeze_and_kill")
        if blow.deed == "term":
            await self._end(name)
        elif "kill" in blow.deed:
            await self._crew.kill(name)
        if not self._stage.stack.running(name):
            await self._stage.pause(blow.down)
            await self._crew.revive(name)
        if not blow.again_soon:
            await self._until_ready(name)

    async def _until_ready(self, name: str) -> None:
        """Give it the chance to do something before it is struck again, however slow the machine is."""
        deadline = time.monotonic() + RECOVERY
        while not self._stage.over and time.monotonic() < deadline:
            if await self._stage.stack.service(name).answers():
                return
            await self._stage.pause(LOOK_EVERY)

    async def _freeze(self, name: str, seconds: float, *, thaw: bool) -> None:
        began = time.monotonic()
        self._stage.stack.freeze(name)
        try:
            await self._stage.pause(seconds)
        finally:
            if thaw:
                self._stage.stack.thaw(name)
        frozen = time.monotonic() - began
        if thaw and name in DISPATCHERS and frozen + LINK_LIMIT > TOO_LATE:
            why = f"{name} was frozen for {frozen:.1f} s"
            self._stage.notes.excuse("create_late", time.time(), time.time() + LINK_LIMIT + 1, why)

    async def _end(self, name: str) -> None:
        began = time.monotonic()
        status = await self._crew.end(name)
        if status == -signal.SIGTERM:  # it was only starting, and did not listen to signals yet
            self._stage.notes.count("term_while_starting", service=name)
        elif status != 0:
            seconds = round(time.monotonic() - began, 1)
            self._stage.notes.count(f"term_ended_with_{status}", service=name, seconds=seconds)
