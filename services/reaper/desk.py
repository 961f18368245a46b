"""How many errands may be under way at once, in all and for one account."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator

from services.reaper.outages import Outages


class Desk:
    """Counts the errands under way."""

    def __init__(self, at_once: int, per_account: int, outages: Outages) -> None:
        self.per_account = per_account
        self._at_once = at_once
        self._outages = outages
        self._under_way: Counter[int] = Counter()
        self._left = asyncio.Event()

    @property
    def room(self) -> int:
        """How many errands more may begin."""
        return self._at_once - self._under_way.total()

    @property
    def is_busy(self) -> bool:
        """Whether any errand is under way."""
        return bool(self._under_way)

    def busy(self) -> list[int]:
        """Each account once per lane that is not free: what a statement that takes errands is told."""
        return list(self._taken_lanes())

    def _taken_lanes(self) -> Iterator[int]:
        closed = self._outages.lanes_closed(self.per_account)
        for account in self._under_way.keys() | closed.keys():
            lanes = self._under_way[account] + closed.get(account, 0)
            yield from [account] * min(lanes, self.per_account)

    def enter(self, account_id: int) -> None:
        """Count an errand in."""
        self._under_way[account_id] += 1

    def leave(self, account_id: int) -> None:
        """Count an errand out."""
        self._under_way[account_id] -= 1
        if not self._under_way[account_id]:
            del self._under_way[account_id]
        self._left.set()

    async def somebody_left(self, seconds: float) -> None:
        """Wait, for at most so many seconds, until an errand is counted out or has been since this was last asked."""
        try:
            async with asyncio.timeout(seconds):
                await self._left.wait()
        except TimeoutError:
            return
        self._left.clear()
