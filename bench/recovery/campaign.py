"""A business that always has leads waiting, and dials as fast as its limits allow."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any

from stack.client import Client
from stack.errors import StackError
from stack.system import Stack

TWIML = "<Response><Say>Hello</Say></Response>"
ENOUGH = 1500
"""Jobs that wait before each fault at least: a minute's worth and more."""

BATCH = 2000

_numbers = itertools.count(1_000_000)


@dataclass(frozen=True)
class Shape:
    """What limits a business: its slots, or its rate in creates per second."""

    name: str
    cap: int
    rate: float


SLOTS = Shape("slots", cap=25, rate=1000)
"""Each create follows the end of a call: about thirty a second, for a call lasts about a second."""

RATE = Shape("rate", cap=1000, rate=30)
"""Slots are free at any time, whatever becomes of the calls under way."""


@dataclass
class Campaign:
    """A business and its runs."""

    shape: Shape
    client: Client
    runs: list[int] = field(default_factory=list)

    @classmethod
    async def begin(cls, stack: Stack, shape: Shape) -> Campaign:
        business_id = await stack.client("platform_admin").create_business(
            f"Recovery {shape.name}", max_concurrent_calls=shape.cap, calls_per_second=shape.rate
        )
        return cls(shape, stack.client("admin", business_id))

    async def ring(self, phones: list[str], **fields: Any) -> int:
        """A run over leads with these numbers; its id."""
        started = await self.client.start_run(await self.client.add_leads(phones), twiml=TWIML, **fields)
        self.runs.append(started["run_id"])
        return self.runs[-1]

    async def feed(self) -> None:
        """Have enough jobs wait, in a run more if need be."""
        if await self._waiting() < ENOUGH:
            await self.ring(new_phones(BATCH))

    async def check(self) -> None:
        """StackError unless jobs wait still: a pause for want of jobs would be none."""
        if not await self._waiting():
            raise StackError("the jobs ran out during a round; its figures would be wrong")

    async def stop(self) -> None:
        """Stop every run; the calls under way end by themselves."""
        for run_id in self.runs:
            shown = await self.client.run(run_id)
            if shown["status"] in ("pending", "running"):
                await self.client.request("POST", "/api/outbound/stop-queue", json={"run_id": run_id})

    async def _waiting(self) -> int:
        return sum([(await self.client.run(run_id))["queued"] for run_id in self.runs[-2:]])


def new_phones(count: int) -> list[str]:
    """Numbers that nobody has used yet."""
    return [f"+97252{next(_numbers)}" for _ in range(count)]
