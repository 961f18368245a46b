"""What every player of a run shares: the system, the notes, and the time until the faults stop."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from chaos.notes import Notes
from chaos.plan import Plan
from stack.system import Stack

Deed = Callable[[random.Random], Awaitable[None]]


@dataclass
class Stage:
    """A run under way."""

    plan: Plan
    stack: Stack
    notes: Notes
    _over: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def ledger(self) -> Path:
        """The provider's record."""
        return self.stack.run.state / "ledger.jsonl"

    @property
    def over(self) -> bool:
        """Whether the time of the faults is over."""
        return self._over.is_set()

    def finish(self) -> None:
        self._over.set()

    async def pause(self, seconds: float) -> None:
        """Wait so long, or until the faults are to stop."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._over.wait(), seconds)

    async def now_and_then(self, name: str, mean: float, deed: Deed) -> None:
        """Do it again and again, with pauses of `mean` seconds on average, until the faults stop.

        The first time comes sooner, so that a short run sees it too.
        """
        chance = self.plan.chance(name)
        await self.pause(chance.uniform(0, min(mean, self.plan.seconds / 3)))
        while not self.over:
            await deed(chance)
            await self.pause(chance.expovariate(1 / mean))
