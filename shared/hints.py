"""Hints on their way to the broker: kept while it is away, sent in the background until it confirms them.

Rules: bounded, the oldest goes when it is full (the database still knows what it meant); identical hints are merged
while they wait and never once they are being sent, because that one may already have been acted upon.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from shared.background import Background, OnDeath, end_process
from shared.errors import BrokerAway
from shared.events import Event
from shared.logs import logger

KEPT: Final = 10_000
AT_ONCE: Final = 64
FIRST_PAUSE: Final = 0.2
LONGEST_PAUSE: Final = 5.0
DROPS_PER_LINE: Final = 1000


@dataclass(frozen=True)
class Hint:
    """An event with the message id that every attempt to publish it carries."""

    event: Event
    message_id: str = field(default_factory=lambda: uuid.uuid4().hex)


class WaitingHints:
    """A bounded buffer in order of arrival, one of each kind."""

    def __init__(self, limit: int = KEPT) -> None:
        self.dropped = 0
        self._limit = limit
        self._waiting: dict[Event, Hint] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, event: Event) -> None:
        """Append an event, unless its like waits already."""
        if event not in self._waiting:
            self._waiting[event] = Hint(event)
            self._drop_oldest()

    def take(self, most: int) -> list[Hint]:
        """Remove and return the oldest hints, `most` of them or fewer."""
        return [self._waiting.pop(event) for event in list(self._waiting)[:most]]

    def put_back(self, hints: Iterable[Hint]) -> None:
        """Return unsent hints to the front; where newer ones have taken their room, the oldest go."""
        self._waiting = {hint.event: hint for hint in hints} | self._waiting
        self._drop_oldest()

    def _drop_oldest(self) -> None:
        while len(self._waiting) > self._limit:
            oldest = self._waiting.pop(next(iter(self._waiting)))
            self.dropped += 1
            if self.dropped % DROPS_PER_LINE == 1:
                logger().warning("HINTS_DROPPED", total=self.dropped, routing_key=oldest.event.routing_key)


class HintSender:
    """Sends waiting hints in the background; `publish` raises BrokerAway when one was not confirmed.

    Up to AT_ONCE are under way at a time, so that none waits for the confirms of those before it. After a failure the
    others are awaited, and what was not confirmed is tried again in its order, one alone until one is confirmed: what
    goes to a broker that reads nothing, under an alarm for one, waits in memory and arrives again with each attempt.
    """

    def __init__(
        self,
        name: str,
        publish: Callable[[Hint], Awaitable[None]],
        on_death: OnDeath = end_process,
        limit: int = KEPT,
    ) -> None:
        self.waiting = WaitingHints(limit)
        self._publish = publish
        self._changed = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._unconfirmed: dict[str, Hint] = {}
        self._running = 0
        self._failing = False
        self._pause = FIRST_PAUSE
        self._group: asyncio.TaskGroup | None = None
        self._background = Background(f"hints of {name}", self._run, on_death)

    def add(self, event: Event) -> None:
        """Take an event to be sent."""
        self.waiting.add(event)
        self._idle.clear()
        self._send_waiting()

    def start(self) -> None:
        """Begin to send."""
        self._background.start()

    async def stop(self, grace: float) -> None:
        """Send what waits for at most `grace` seconds, then give up, with the number that is left in the log."""
        try:
            async with asyncio.timeout(grace if self._background.running else 0):
                await self._idle.wait()
        except TimeoutError:
            logger().warning("HINTS_UNSENT", count=len(self.waiting) + len(self._unconfirmed))
        await self._background.stop()

    async def _run(self) -> None:
        self._take_back()  # what a stop had cut short
        async with asyncio.TaskGroup() as group:
            self._group = group
            try:
                await self._send_all()
            finally:
                self._group = None  # which takes no more tasks while it ends

    async def _send_all(self) -> None:
        while True:
            self._send_waiting()
            if not self.waiting and not self._unconfirmed:
                self._idle.set()
            await self._changed.wait()
            self._changed.clear()
            if self._failing and not self._running:
                await self._recover()

    def _send_waiting(self) -> None:
        """Send what there is room for at once: the next hint is a free slot, and may not wait for its turn."""
        if self._group is None or self._failing:
            return
        for hint in self.waiting.take(self._room):
            self._unconfirmed[hint.message_id] = hint
            self._running += 1
            self._group.create_task(self._send(hint))

    @property
    def _room(self) -> int:
        most = 1 if self._pause > FIRST_PAUSE else AT_ONCE
        return max(0, most - len(self._unconfirmed))

    async def _recover(self) -> None:
        """Pause, each time longer, and begin again with what was not confirmed."""
        await asyncio.sleep(self._pause)
        self._pause = min(2 * self._pause, LONGEST_PAUSE)
        self._take_back()

    def _take_back(self) -> None:
        self.waiting.put_back(self._unconfirmed.values())
        self._unconfirmed.clear()
        self._failing = False

    async def _send(self, hint: Hint) -> None:
        try:
            await self._publish(hint)
        except BrokerAway as exc:
            logger().debug("HINT_UNCONFIRMED", routing_key=hint.event.routing_key, reason=str(exc))
            self._failing = True
        else:
            del self._unconfirmed[hint.message_id]
            self._pause = FIRST_PAUSE
        finally:
            self._running -= 1
            self._changed.set()
