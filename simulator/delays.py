"""Waits that a test can cut short."""

import asyncio


class Delays:
    """Whatever waits here goes on after its time, or at the next flush."""

    def __init__(self) -> None:
        self._waiting = 0
        self._flushed = asyncio.Event()

    async def wait(self, seconds: float) -> None:
        self._waiting += 1
        try:
            await asyncio.wait_for(self._flushed.wait(), seconds)
        except TimeoutError:
            return
        finally:
            self._waiting -= 1

    def flush(self) -> int:
        """Let everything that waits go on now; gives how many that are."""
        self._flushed.set()
        self._flushed = asyncio.Event()
        return self._waiting
