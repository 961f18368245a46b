"""Takes, keeps and gives up the lease.

Rules: the lease is bound to one connection of its own; when that connection is gone a successor takes over at once,
when it is merely silent after LEASE_SECONDS. A holder that cannot reach the database goes on trying to renew: only
the database says who holds the lease. No decision about a call rests on it.
"""

from __future__ import annotations

from services.dispatcher.outage import Outage
from services.dispatcher.term import Term
from services.dispatcher.trust import Trust
from shared import metrics
from shared.crashpoints import crash_point
from shared.db import Database
from shared.errors import DatabaseAway, DatabaseBusy
from shared.health import Health
from shared.logs import logger
from shared.process import Stop
from shared.queries import dispatching

POLL = 0.25
"""Seconds between a standby's attempts: what a takeover after a death waits at most."""

RETRY = 0.2
"""Seconds between a holder's attempts to renew over a database that is away."""

log = logger()


class LeaseKeeper:
    """This process's hold on the lease."""

    def __init__(self, db: Database, worker: str, lease_seconds: float, health: Health) -> None:
        self.trust = Trust(health)
        self._worker = worker
        self._silence = lease_seconds
        self._every = lease_seconds / 5
        self._session = db.session(timeout=lease_seconds / 3)
        self._health = health
        self._outage = Outage("lease")

    async def acquire(self, stop: Stop) -> Term | None:
        """Wait until the lease is ours. None when the stop came first."""
        while not stop.is_set():
            try:
                crash_point("dispatcher.lease.before")
                lease = await dispatching.take_lease(self._session, self._worker, self._silence)
                crash_point("dispatcher.lease.asked")
            except (DatabaseAway, DatabaseBusy) as error:
                self._health.set("database", up=False, reason=str(error))
            else:
                self._health.set("database", up=True)
                if lease is not None:
                    return self._taken(lease)
            await stop.within(POLL)
        return None

    def _taken(self, lease: dispatching.Lease) -> Term:
        crash_point("dispatcher.lease.taken")
        log.info("LEASE_TAKEN", epoch=lease.epoch, previous=lease.previous, lock_acquired=True, trusted=lease.trusted)
        metrics.DISPATCHER_EPOCH.set(lease.epoch)
        metrics.DISPATCHER_ACTIVE.set(1)
        self.told(trusted=lease.trusted)
        return Term(lease.epoch)

    async def keep(self, term: Term) -> None:
        """Renew until the term is over, and end it when the lease turns out to be somebody else's."""
        pause = self._every
        while not await term.over_within(pause):
            try:
                crash_point("dispatcher.renewal.before")
                trusted = await dispatching.renew_lease(self._session, self._worker, term.epoch)
                crash_point("dispatcher.renewal.committed")
            except (DatabaseAway, DatabaseBusy) as error:
                self._health.set("database", up=False, reason=str(error))
                self._outage.failed(error, epoch=term.epoch)
                pause = RETRY
                continue
            self._health.set("database", up=True)
            self._outage.over()
            pause = self._every
            if trusted is None:
                self.lost(term, "another dispatcher took it")
            else:
                self.told(trusted=trusted)

    def told(self, *, trusted: bool) -> None:
        """Take note of whether the database is the one that holds every call."""
        self.trust.told(trusted=trusted)

    def lost(self, term: Term, reason: str) -> None:
        """Claim nothing more in this term."""
        if term.end():
            metrics.DISPATCHER_ACTIVE.set(0)
            self.trust.forget()
            log.warning("LEASE_LOST", epoch=term.epoch, reason=reason)

    async def give_up(self, term: Term) -> None:
        """Hand the lease on. A database that is away is left to notice by itself."""
        metrics.DISPATCHER_ACTIVE.set(0)
        try:
            crash_point("dispatcher.handover.before")
            await dispatching.give_up_lease(self._session, self._worker, term.epoch)
            crash_point("dispatcher.handover.committed")
        except (DatabaseAway, DatabaseBusy) as error:
            self._outage.failed(error, epoch=term.epoch)
        else:
            log.info("LEASE_GIVEN_UP", epoch=term.epoch)

    def close(self) -> None:
        """Drop the connection that the lease is bound to."""
        self._session.drop()
