"""One partition in this process: a standby until it holds the lease, then it beats, takes hints, claims and dials."""

from __future__ import annotations

import asyncio

from services.dispatcher.advance import Advancer
from services.dispatcher.beat import Beat
from services.dispatcher.lease import LeaseKeeper
from services.dispatcher.recovery import Recovery
from services.dispatcher.term import Term
from shared.broker import Consumer
from shared.process import Stop


class Unit:
    """The parts of a partition. Only the first one's has a recovery: a doubt concerns all, and one resolves it."""

    def __init__(
        self, keeper: LeaseKeeper, advancer: Advancer, beat: Beat, consumer: Consumer, recovery: Recovery | None
    ) -> None:
        self.advancer = advancer
        self.taken_at: float | None = None
        self._keeper = keeper
        self._beat = beat
        self._consumer = consumer
        self._recovery = recovery
        self._term: Term | None = None

    async def run(self, stop: Stop) -> None:
        """Hold one term after the other until the stop."""
        while not stop.is_set():
            term = await self._keeper.acquire(stop)
            if term is not None:
                await self._hold(term, stop)

    def give_up(self) -> None:
        """End the term and hand the lease on; what was claimed is still dialled."""
        if self._term is not None:
            self._term.end()

    async def _hold(self, term: Term, stop: Stop) -> None:
        watch = asyncio.create_task(self._end_with_stop(term, stop), name="end of term")
        self._term, self.taken_at = term, asyncio.get_running_loop().time()
        try:
            await self._consumer.start()
            async with asyncio.TaskGroup() as group:
                group.create_task(self._keeper.keep(term), name="lease")
                group.create_task(self._beat.run(term), name="beat")
                group.create_task(self.advancer.run(term), name="advance")
                if self._recovery is not None:
                    group.create_task(self._recovery.run(term), name="recovery")
        finally:
            watch.cancel()
            self._term = self.taken_at = None
            term.end()
            ours = not term.is_lost or stop.is_set()
            # before the answers are in: a successor need not wait for them
            await asyncio.gather(self._consumer.stop(), *([self._keeper.give_up(term)] if ours else []))

    async def _end_with_stop(self, term: Term, stop: Stop) -> None:
        await stop.wait()
        term.end()
