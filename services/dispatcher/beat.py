"""The beat, which is also the look: says that the active runs are looked after, and finds free slots with jobs.

While the broker is away nobody tells of a freed slot, so the look comes sooner than the beat is due.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

from services.dispatcher.advance import Advancer
from services.dispatcher.lease import LeaseKeeper
from services.dispatcher.outage import Outage
from services.dispatcher.term import Term
from shared.crashpoints import crash_point
from shared.db import Database
from shared.errors import DatabaseAway, DatabaseBusy
from shared.logs import logger
from shared.partition import WHOLE, Partition
from shared.queries import dispatching

RETRY = 0.25
"""Seconds until the next attempt when the database was away or busy: a run is quiet after a few missed beats."""

UNTOLD = 0.5
"""Seconds between looks while no hints come: what a freed slot or a new run then waits at most."""

OTHERS_RETURN = 5.0
"""Seconds after our own return to the broker until everybody who tells us something is back there too."""

OVERDUE = 2
"""Beats missed until the first partition's holder looks after a run that nobody does, whosever it is."""

log = logger()


class Beat:
    """Beats once per interval while the term lasts, the first time at once; more often while `deaf` says true."""

    def __init__(
        self,
        db: Database,
        advancer: Advancer,
        keeper: LeaseKeeper,
        worker: str,
        interval: float,
        deaf: Callable[[], bool],
        share: Partition = WHOLE,
    ) -> None:
        self._db = db
        self._advancer = advancer
        self._keeper = keeper
        self._worker = worker
        self._interval = interval
        self._deaf = deaf
        self._share = share
        self._untold_until = -math.inf
        self._outage = Outage("beat")

    async def run(self, term: Term) -> None:
        """Beat until the term is over."""
        source = "takeover"
        pause = 0.0
        overdue = OVERDUE * self._interval
        while not await self._over_within(pause, term):
            try:
                crash_point("dispatcher.beat.before")
                seen = await dispatching.beat(self._db, self._worker, term.epoch, self._share, overdue)
                crash_point("dispatcher.beat.committed")
            except (DatabaseAway, DatabaseBusy) as error:
                self._outage.failed(error, epoch=term.epoch)
                pause = RETRY
                continue
            self._outage.over()
            if not seen.held:
                self._keeper.lost(term, "a beat found another holder")
                return
            self._note(seen, source)
            source, pause = "heartbeat", self._interval

    async def _over_within(self, seconds: float, term: Term) -> bool:
        """Wait for so long, or only until the next look once no hints come; return whether the term is over."""
        while seconds > 0:
            if await term.over_within(min(seconds, UNTOLD)):
                return True
            seconds -= UNTOLD
            if self._untold():
                break
        return term.is_over()

    def _untold(self) -> bool:
        now = asyncio.get_running_loop().time()
        if self._deaf():
            self._untold_until = now + OTHERS_RETURN
        return now < self._untold_until

    def _note(self, seen: dispatching.Beat, source: str) -> None:
        for run_id, business_id in seen.adopted.items():
            log.info(
                "OUTBOUND_CONSUMER_START",
                business_id=business_id,
                run_id=run_id,
                consumer_source=source,
                lock_acquired=True,
            )
        for business_id in seen.hungry:
            self._advancer.note(business_id, source)
