"""The businesses to look at: each once, now or at a moment."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass


@dataclass(frozen=True)
class Note:
    """Who named a business first, and whether the broker had delivered that hint before."""

    source: str
    redelivered: bool = False


REST_FIRST = 0.001
REST_LONGEST = 0.02
"""Seconds during which a business is not looked at again after a look that found nothing to do: the first such look
costs nothing, since the next hint may tell of a slot; each further one in a row twice the one before."""


class Notes:
    """What is due now, and at most one timer for each business that is not."""

    def __init__(self) -> None:
        self.arrived = asyncio.Event()
        self._due: dict[int, Note] = {}
        self._timers: dict[int, asyncio.TimerHandle] = {}
        self._resting: dict[int, tuple[asyncio.TimerHandle, Note | None]] = {}
        self._next_rest: dict[int, float] = {}

    def __len__(self) -> int:
        return len(self._due)

    def add(self, business_id: int, note: Note) -> None:
        """Note it as due now. The first source is the one that is logged."""
        if business_id in self._resting:
            end, waiting = self._resting[business_id]
            self._resting[business_id] = end, _together(waiting, note)
            return
        self._due[business_id] = _together(self._due.get(business_id), note)
        self.arrived.set()

    def fruitless(self, business_id: int) -> None:
        """Note that a look found nothing to do. What comes next is looked at at once; after more such looks in a row it
        is held back for a moment: a flood of hints is then a look per moment, not per hint."""
        pause = self._next_rest.get(business_id, 0.0)
        self._next_rest[business_id] = min(max(2 * pause, REST_FIRST), REST_LONGEST)
        if pause and business_id not in self._resting:
            end = asyncio.get_running_loop().call_later(pause, self._rested, business_id)
            self._resting[business_id] = end, self._due.pop(business_id, None)

    def fruitful(self, business_id: int) -> None:
        """Note that a look found something to do."""
        self._next_rest.pop(business_id, None)

    def add_in(self, seconds: float, business_id: int, note: Note) -> None:
        """Note it as due after so many seconds, instead of at whatever moment it waited for until now."""
        if seconds <= 0:
            self.add(business_id, note)
            return
        self._cancel(business_id)
        self._timers[business_id] = asyncio.get_running_loop().call_later(seconds, self._expired, business_id, note)

    def take(self, most: int) -> dict[int, Note]:
        """Remove and return what has been due longest; whatever comes of it sets a new timer."""
        taken = {business_id: self._due.pop(business_id) for business_id in list(self._due)[:most]}
        for business_id in taken:
            self._cancel(business_id)
        return taken

    def clear(self) -> None:
        """Forget everything."""
        self._due.clear()
        for timer in (*self._timers.values(), *(end for end, _ in self._resting.values())):
            timer.cancel()
        self._timers.clear()
        self._resting.clear()
        self._next_rest.clear()

    def _expired(self, business_id: int, note: Note) -> None:
        self._timers.pop(business_id, None)
        self.add(business_id, note)

    def _rested(self, business_id: int) -> None:
        _, waiting = self._resting.pop(business_id)
        if waiting is None:  # the flood is over
            self._next_rest.pop(business_id, None)
        else:
            self.add(business_id, waiting)

    def _cancel(self, business_id: int) -> None:
        timer = self._timers.pop(business_id, None)
        if timer is not None:
            timer.cancel()


def _together(known: Note | None, note: Note) -> Note:
    return note if known is None else Note(known.source, known.redelivered or note.redelivered)
