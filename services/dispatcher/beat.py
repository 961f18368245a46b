"""The beat, which is also the look: says that the active runs are looked after, and finds free slots with jobs."""

from __future__ import annotations

from services.dispatcher.advance import Advancer
from services.dispatcher.lease import LeaseKeeper
from services.dispatcher.outage import Outage
from services.dispatcher.term import Term
from shared.crashpoints import crash_point
from shared.db import Database
from shared.errors import DatabaseAway, DatabaseBusy
from shared.logs import logger
from shared.queries import dispatching

RETRY = 0.25
"""Seconds until the next attempt when the database was away or busy: a run is quiet after a few missed beats."""

log = logger()


class Beat:
    """Beats once per interval while the term lasts, the first time at once."""

    def __init__(self, db: Database, advancer: Advancer, keeper: LeaseKeeper, worker: str, interval: float) -> None:
        self._db = db
        self._advancer = advancer
        self._keeper = keeper
        self._worker = worker
        self._interval = interval
        self._outage = Outage("beat")

    async def run(self, term: Term) -> None:
        """Beat until the term is over."""
        source = "takeover"
        pause = 0.0
        while not await term.over_within(pause):
            try:
                crash_point("dispatcher.beat.before")
                seen = await dispatching.beat(self._db, self._worker, term.epoch)
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
