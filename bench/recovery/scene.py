"""The system under load that faults are done to, and the provider's ledger of it."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import aiohttp

from bench.recovery.gaps import is_calm, longest_pause
from bench.recovery.tail import LedgerTail
from stack.errors import StackError
from stack.system import ALL_SERVICES, Stack, together

PAIR = ("dispatcher", "dispatcher2")
SERVICES = ("api", "webhook", "reaper", *PAIR)
PROCESSES = (*ALL_SERVICES, "dispatcher2")
POLL = 0.05
PHASE = 2.0
"""Seconds, the longest period of anybody's timer: a fault strikes anywhere in it."""

T = TypeVar("T")


@dataclass(frozen=True)
class Calm:
    """Dialling counts as undisturbed after so many seconds without a pause that was longer; how long to wait for it."""

    seconds: float = 3.0
    pause: float = 0.5
    timeout: float = 90.0


CALM = Calm()

SETTINGS = {
    "CALLS_PER_SECOND": "1000",
    "SIM_CPS": "1000",
    "SIM_SEED": "1",
    "SIM_TIME_SCALE": "20",
    "SIM_OUTCOMES": '{"answered": 100, "machine": 0, "busy": 0, "no_answer": 0, "failed": 0}',
    "SIM_TIMINGS": '{"initiated": [0, 0.2], "post_dial": [1, 2], "ring": [2, 6], "talk": [3, 20]}',
}
"""What is not at its default: rates, and calls that last from a third of a second to a second and a half."""


def new_stack() -> Stack:
    """A system of two dispatchers with servers of its own, which may be killed."""
    return Stack(PROCESSES, SETTINGS, name="recovery")


@dataclass
class Scene:
    """One system; `chance` says at which moment of everybody's timers a fault strikes."""

    stack: Stack
    calm: Calm
    chance: random.Random
    tell: Callable[[str], None]
    ledger: LedgerTail = field(init=False)
    undisturbed: list[float] = field(default_factory=list)
    """The longest pause in the seconds before each fault: no pause can be told more finely."""

    def __post_init__(self) -> None:
        self.ledger = LedgerTail(self.stack.run.state / "ledger.jsonl")

    @property
    def creates(self) -> Sequence[float]:
        self.ledger.read()
        return self.ledger.creates

    async def ready(self) -> None:
        """Have every service run and be ready."""
        await together(*(self._ready(name) for name in SERVICES))

    async def dialling(self) -> None:
        """Wait until dialling is calm."""
        await eventually(self._is_calm, "calm dialling", self.calm.timeout)

    async def dialling_again(self, since: float) -> None:
        """Wait until dialling has gone on after `since`, and is calm, and has been for as long as that takes."""

        async def look() -> bool:
            return self.creates[-1] > since and await self._is_calm()

        await asyncio.sleep(since + self.calm.seconds - time.monotonic())
        await eventually(look, "calm dialling after the fault", self.calm.timeout)

    async def before_fault(self) -> None:
        """Wait until everything is well, then for a moment that no timer knows."""
        await self.ready()
        await self.dialling()
        await asyncio.sleep(self.chance.uniform(0, PHASE))
        now = time.monotonic()
        earlier = [create for create in self.creates if create <= now]
        self.undisturbed.append(longest_pause([*earlier, now], now - self.calm.seconds, now))

    async def active(self, among: Sequence[str] = PAIR) -> str:
        """The one dispatcher that says it is active."""
        return await eventually(lambda: self._holder(among), "one active dispatcher", self.calm.timeout)

    async def idle(self, name: str) -> None:
        """Wait until this dispatcher says that it is not active."""

        async def look() -> bool:
            return not await self._is_active(name)

        await eventually(look, f"{name} a standby", self.calm.timeout)

    async def _ready(self, name: str) -> None:
        if not self.stack.running(name):
            await self.stack.start(name)
        service = self.stack.service(name)
        await eventually(lambda: service.answers("/readyz"), f"{name} ready", self.calm.timeout)

    async def _is_calm(self) -> bool:
        return is_calm(self.creates, time.monotonic(), self.calm.seconds, self.calm.pause)

    async def _holder(self, among: Sequence[str]) -> str | None:
        holders = [name for name in among if await self._is_active(name)]
        return holders[0] if len(holders) == 1 else None

    async def _is_active(self, name: str) -> bool:
        try:
            return (await self.stack.service(name).metrics())["ringfence_dispatcher_active"] == 1
        except (aiohttp.ClientError, TimeoutError):
            return False


async def eventually(look: Callable[[], Awaitable[T | None]], what: str, timeout: float) -> T:
    """The first thing that `look` finds that is true. StackError when there is none in time."""
    deadline = time.monotonic() + timeout
    while not (found := await look()):
        if time.monotonic() > deadline:
            raise StackError(f"no {what} within {timeout:g} s")
        await asyncio.sleep(POLL)
    return found
