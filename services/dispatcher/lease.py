"""Takes, keeps and gives up the lease of one partition.

Rules: the leases of a process are bound to one connection of their own; when that connection is gone a successor takes
over at once, when it is merely silent after LEASE_SECONDS. A holder that cannot reach the database goes on trying to
renew: only the database says who holds the lease. No decision about a call rests on it.
"""

from __future__ import annotations

from collections.abc import Callable

from services.dispatcher.held import Held
from services.dispatcher.outage import Outage
from services.dispatcher.term import Term
from services.dispatcher.trust import Trust
from shared.crashpoints import crash_point
from shared.db import Session
from shared.errors import DatabaseAway, DatabaseBusy
from shared.health import Health
from shared.logs import logger
from shared.partition import Partition
from shared.process import Stop
from shared.queries import dispatching

POLL = 0.25
"""Seconds between a standby's attempts: what a takeover after a death waits at most."""

RETRY = 0.2
"""Seconds between a holder's attempts to renew over a database that is away."""

log = logger()


class LeaseKeeper:
    """This process's hold on a partition's lease; `is_turn` says whether it should be taken when it is free."""

    def __init__(
        self,
        session: Session,
        worker: str,
        share: Partition,
        lease_seconds: float,
        health: Health,
        held: Held,
        is_turn: Callable[[], bool] = lambda: True,
    ) -> None:
        self._session = session
        self._worker = worker
        self._partition = share.number
        self._silence = lease_seconds
        self._every = lease_seconds / 5
        self._health = health
        self._held = held
        self._is_turn = is_turn
        self._outage = Outage("lease")

    @property
    def trust(self) -> Trust:
        """Whether the database is the one that holds every call, for all partitions of this process."""
        return self._held.trust

    async def acquire(self, stop: Stop) -> Term | None:
        """Wait until the lease is ours. None when the stop came first."""
        while not stop.is_set():
            if self._is_turn():
                term = await self._try()
                if term is not None:
                    return term
            await stop.within(POLL)
        return None

    async def _try(self) -> Term | None:
        try:
            crash_point("dispatcher.lease.before")
            lease = await dispatching.take_lease(self._session, self._worker, self._silence, self._partition)
            crash_point("dispatcher.lease.asked")
        except (DatabaseAway, DatabaseBusy) as error:
            self._health.set("database", up=False, reason=str(error))
            return None
        self._health.set("database", up=True)
        return None if lease is None else self._taken(lease)

    def _taken(self, lease: dispatching.Lease) -> Term:
        crash_point("dispatcher.lease.taken")
        log.info(
            "LEASE_TAKEN",
            partition=self._partition,
            epoch=lease.epoch,
            previous=lease.previous,
            lock_acquired=True,
            trusted=lease.trusted,
        )
        self._held.took(self._partition, lease.epoch)
        self.told(trusted=lease.trusted)
        return Term(lease.epoch)

    async def keep(self, term: Term) -> None:
        """Renew until the term is over, and end it when the lease turns out to be somebody else's."""
        pause = self._every
        while not await term.over_within(pause):
            try:
                crash_point("dispatcher.renewal.before")
                trusted = await dispatching.renew_lease(self._session, self._worker, term.epoch, self._partition)
                crash_point("dispatcher.renewal.committed")
            except (DatabaseAway, DatabaseBusy) as error:
                self._health.set("database", up=False, reason=str(error))
                self._outage.failed(error, epoch=term.epoch, partition=self._partition)
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
        """Claim nothing more in this term, which is somebody else's."""
        if term.lose():
            self._held.left(self._partition)
            log.warning("LEASE_LOST", partition=self._partition, epoch=term.epoch, reason=reason)

    async def give_up(self, term: Term) -> None:
        """Hand the lease on. A database that is away is left to notice by itself."""
        self._held.left(self._partition)
        try:
            crash_point("dispatcher.handover.before")
            await dispatching.give_up_lease(self._session, self._worker, term.epoch, self._partition)
            crash_point("dispatcher.handover.committed")
        except (DatabaseAway, DatabaseBusy) as error:
            self._outage.failed(error, epoch=term.epoch, partition=self._partition)
        else:
            log.info("LEASE_GIVEN_UP", partition=self._partition, epoch=term.epoch)
