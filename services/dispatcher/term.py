"""One term in office: from taking the lease to losing it or to the end of the process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Term:
    """The epoch that this process holds, and whether it is over. Nothing is claimed after that."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch
        self.is_lost = False
        self._over = asyncio.Event()
        self._told: list[Callable[[], None]] = []

    def is_over(self) -> bool:
        """Whether nothing may be claimed any more."""
        return self._over.is_set()

    def tell(self, listener: Callable[[], None]) -> None:
        """Call `listener` when the term ends."""
        self._told.append(listener)

    def end(self) -> bool:
        """Claim nothing more; return whether this was news."""
        if self._over.is_set():
            return False
        self._over.set()
        for listener in self._told:
            listener()
        return True

    def lose(self) -> bool:
        """End it because somebody else took the lease; return whether its end was news."""
        self.is_lost = True
        return self.end()

    async def over_within(self, seconds: float) -> bool:
        """Wait for the end at most so long and return whether it came."""
        try:
            async with asyncio.timeout(max(seconds, 0)):
                await self._over.wait()
        except TimeoutError:
            return self.is_over()
        return True
