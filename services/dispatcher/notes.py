"""The businesses to look at: each once, now or at a moment."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass


@dataclass(frozen=True)
class Note:
    """Who named a business first, and whether the broker had delivered that hint before."""

    source: str
    redelivered: bool = False


class Notes:
    """What is due now, and at most one timer for each business that is not."""

    def __init__(self) -> None:
        self.arrived = asyncio.Event()
        self._due: dict[int, Note] = {}
        self._timers: dict[int, asyncio.TimerHandle] = {}

    def __len__(self) -> int:
        return len(self._due)

    def add(self, business_id: int, note: Note) -> None:
        """Note it as due now. The first source is the one that is logged."""
        known = self._due.get(business_id)
        if known is not None:
            note = Note(known.source, known.redelivered or note.redelivered)
        self._due[business_id] = note
        self.arrived.set()

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
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _expired(self, business_id: int, note: Note) -> None:
        self._timers.pop(business_id, None)
        self.add(business_id, note)

    def _cancel(self, business_id: int) -> None:
        timer = self._timers.pop(business_id, None)
        if timer is not None:
            timer.cancel()
