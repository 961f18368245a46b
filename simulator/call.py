"""A call as this process carries it: its ledger entry, and what is needed while it lives."""

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from simulator.accounts import Account
from simulator.clock import Clock
from simulator.create import Create
from simulator.ledger import LedgerEntry, Moment
from simulator.plan import Plan


@dataclass(slots=True, eq=False)
class Call:
    """One call. `starts_at` is the simulated time of its turn; `ending` what an update asked for."""

    sid: str
    account: Account
    create: Create
    entry: LedgerEntry
    plan: Plan
    starts_at: float
    time_limit: int
    number: int = 0
    ending: Literal["canceled", "completed"] | None = None
    talks_until: float = 0.0
    script: asyncio.Task[None] | None = None
    held: list[Any] = field(default_factory=list)
    first_delivery: asyncio.Event | None = None
    _ended: asyncio.Event | None = None
    _waiter: asyncio.Future[None] | None = None

    @property
    def state(self) -> str:
        """The newest state, `initiated` among them."""
        return next(reversed(self.entry.states))

    @property
    def over(self) -> bool:
        return self.entry.outcome is not None

    async def ended(self) -> None:
        """Return when it is over."""
        if not self.over:
            self._ended = self._ended or asyncio.Event()
            await self._ended.wait()

    def tell_ended(self) -> None:
        """Release those who wait for the end."""
        if self._ended is not None:
            self._ended.set()

    @property
    def from_(self) -> str:
        return self.entry.from_

    @property
    def to(self) -> str:
        return self.entry.to

    def mode(self, name: str) -> dict[str, Any] | None:
        """The parameters of a call mode that this call is under."""
        return self.entry.behaviour.get(name)

    def since(self, state: str, clock: Clock) -> float:
        """Simulated time at which the call came to a state."""
        return clock.now() - (time.monotonic() - self.entry.states[state].mono) * clock.scale

    def talked(self, clock: Clock) -> int:
        """Simulated seconds since the answer, begun ones whole."""
        return max(1, math.ceil(clock.now() - self.since("in-progress", clock)))

    def states_at(self, mono: float) -> list[tuple[str, Moment]]:
        """The states that it had come to by then."""
        return [(name, moment) for name, moment in self.entry.states.items() if moment.mono <= mono]

    @property
    def reports_answerer(self) -> bool:
        """Whether AnsweredBy is told: machine detection was asked for, or a rule names the verdict."""
        forced = self.mode("outcome") or {}
        return self.create.detects_machine or forced.get("outcome") == "machine" or "answered_by" in forced

    async def until(self, deadline: Callable[[], float], clock: Clock) -> bool:
        """Wait for a simulated time, asked for again at each nudge; False once an update wants the call ended."""
        while self.ending is None:
            left = deadline() - clock.now()
            if left <= 0:
                return True
            await self._sleep(clock.real(left))
        return False

    async def _sleep(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        self._waiter = loop.create_future()
        timer = loop.call_later(seconds, self.nudge)
        try:
            await self._waiter
        finally:
            timer.cancel()
            self._waiter = None

    def nudge(self) -> None:
        """Let a waiting call look again: an update came, or the clock's speed changed."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
