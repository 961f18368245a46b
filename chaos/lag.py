"""How late this machine is: a busy one writes down late what came in time, and a judge must know by how much.

Rules: the longest lag of this process's own event loop stands for that of the other processes, several times over.
"""

from __future__ import annotations

import asyncio
import time

TICK = 0.05
LEAST = 0.1
TIMES = 3


class Lag:
    """Measures for as long as `measure` runs."""

    def __init__(self) -> None:
        self.longest = 0.0

    async def measure(self) -> None:
        """Note how much longer than it should a short pause takes, for ever."""
        while True:
            began = time.monotonic()
            await asyncio.sleep(TICK)
            self.longest = max(self.longest, time.monotonic() - began - TICK)

    @property
    def allowance(self) -> float:
        """Seconds by which something may have been noted late."""
        return max(LEAST, TIMES * self.longest)
