"""The dispatcher's one use case: for the businesses to look at, claim what free slots allow, and dial it.

Rules: hints are noted, never queued, so a hundred of them for one business are one pass, and one that comes while its
business is being advanced causes one more. A claim takes no more than can be written at once; everything that waits,
waits unclaimed. What somebody else holds at this instant is tried again at once, then after 20 ms; a business for
which several looks in a row found nothing to do is left alone for up to as long.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from services.dispatcher.dial import Dialer
from services.dispatcher.lease import LeaseKeeper
from services.dispatcher.notes import Note, Notes
from services.dispatcher.outage import Outage
from services.dispatcher.term import Term
from services.dispatcher.verdicts import Verdicts
from shared import metrics
from shared.crashpoints import crash_point
from shared.db import Database
from shared.errors import DatabaseAway, DatabaseBusy, DatabaseConflict
from shared.logs import logger
from shared.queries import dispatching
from shared.queries.dispatching import Claimed
from shared.settings import Settings
from shared.telephony import boottime

BATCH = 200
"""Businesses per claim at most: a claim of that many stays well below the statement limit."""

AWAY_AGAIN = 0.25

log = logger()


class Advancer:
    """Claims for the businesses that were noted, one statement at a time, while the term lasts."""

    def __init__(
        self,
        db: Database,
        dialer: Dialer,
        keeper: LeaseKeeper,
        worker: str,
        settings: Settings,
        *,
        partition: int = 0,
        turn: asyncio.Lock | None = None,
    ) -> None:
        self._db = db
        self._dialer = dialer
        self._worker = worker
        self._settings = settings
        self._partition = partition
        self._turn = turn or asyncio.Lock()
        self._claimed_for: set[int] = set()
        self._notes = Notes()
        self._verdicts = Verdicts(self._notes, keeper)
        self._outage = Outage("claim")
        self._unanswered: set[int] = set()

    def note(self, business_id: int, source: str, *, redelivered: bool = False) -> None:
        """Look at this business soon."""
        self._notes.add(business_id, Note(source, redelivered))

    def freed(self, business_id: int) -> None:
        """Look at a business whose slot or account came free by our own doing, without waiting for the beat."""
        self.note(business_id, "heartbeat")

    def has_claimed_for(self, business_id: int) -> bool:
        """Whether this business got calls in this term."""
        return business_id in self._claimed_for

    def more_room(self) -> None:
        """Go on with what waits until more can be written."""
        if self._notes:
            self._notes.arrived.set()

    async def run(self, term: Term) -> None:
        """Advance what is noted until the term is over; what was claimed by then is still dialled."""
        wake = self._notes.arrived
        self._notes.clear()  # of an earlier term: the first beat of this one looks at everybody
        self._claimed_for.clear()
        term.tell(wake.set)
        while not term.is_over():
            await wake.wait()
            wake.clear()
            while self._notes and self._dialer.room and not term.is_over():
                await self._advance_in_turn(term)

    async def _advance_in_turn(self, term: Term) -> None:
        """One claim at a time for all partitions of this process, or each would count on the same room."""
        async with self._turn:
            if self._notes and self._dialer.room and not term.is_over():
                await self._advance(self._notes.take(BATCH), term)

    async def settle_unanswered(self) -> None:
        """Hand back what claims took whose answers were lost: it was never sent, and only we can know.

        Raises DatabaseAway or DatabaseBusy.
        """
        for epoch in sorted(self._unanswered):
            crash_point("dispatcher.disown.before")
            count = await dispatching.disown(self._db, epoch, self._dialer.in_hand)
            crash_point("dispatcher.disown.committed")
            self._unanswered.discard(epoch)
            if count:
                log.warning("CLAIMS_HANDED_BACK", epoch=epoch, calls=count)
                metrics.DUPLICATE_DIALS_PREVENTED.labels(how="deadline").inc(count)

    async def _advance(self, businesses: Mapping[int, Note], term: Term) -> None:
        try:
            await self._pass(businesses, term)
        except DatabaseConflict as error:
            await self._apart(businesses, term, error)
        except (DatabaseAway, DatabaseBusy) as error:
            await self._failed(businesses, term, error)
        else:
            self._outage.over()

    async def _pass(self, businesses: Mapping[int, Note], term: Term) -> None:
        await self.settle_unanswered()
        t0 = boottime.now()  # before the statement leaves, so our limit lies before the row's deadline
        self._unanswered.add(term.epoch)
        try:
            claimed = await self._claim(businesses, term)
        except DatabaseConflict:
            self._unanswered.discard(term.epoch)
            raise
        self._unanswered.discard(term.epoch)
        metrics.CLAIM_SECONDS.observe(boottime.now() - t0)
        self._dial(claimed, businesses, t0 + self._settings.send_within)
        with_calls = {call.business_id for call in claimed.calls}
        for verdict in claimed.verdicts:
            business_id = verdict.business_id
            self._verdicts.follow(verdict, businesses[business_id], term, claimed=business_id in with_calls)

    async def _claim(self, businesses: Mapping[int, Note], term: Term) -> Claimed:
        crash_point("dispatcher.claim.before")
        claimed = await dispatching.claim(
            self._db,
            businesses.keys(),
            worker=self._worker,
            epoch=term.epoch,
            limit=self._dialer.room,
            send_within=self._settings.send_within,
            dial_timeout=self._settings.dial_timeout,
            max_call=self._settings.max_call_seconds,
            default_from=self._settings.twilio_from_number,
            partition=self._partition,
        )
        crash_point("dispatcher.claim.committed")
        return claimed

    def _dial(self, claimed: Claimed, notes: Mapping[int, Note], send_before: float) -> None:
        metrics.CLAIMED_JOBS.inc(len(claimed.calls))
        announced: set[int] = set()
        for call in claimed.calls:
            self._claimed_for.add(call.business_id)
            source = notes[call.business_id].source
            if call.adopted and call.run_id not in announced:
                announced.add(call.run_id)
                log.info(
                    "OUTBOUND_CONSUMER_START",
                    business_id=call.business_id,
                    run_id=call.run_id,
                    consumer_source=source,
                    lock_acquired=True,
                )
            self._dialer.dial(call, send_before, source)

    async def _apart(self, businesses: Mapping[int, Note], term: Term, error: DatabaseConflict) -> None:
        """A constraint refused the whole claim; one by one only the business that it concerns is held up."""
        if len(businesses) == 1:
            self._refused(next(iter(businesses)), error)
            return
        for business_id, note in businesses.items():
            await self._advance({business_id: note}, term)

    def _refused(self, business_id: int, error: DatabaseConflict) -> None:
        metrics.DUPLICATE_DIALS_PREVENTED.labels(how="claim_conflict").inc()
        log.error("DEDUP_CONFLICT", business_id=business_id, dedup_conflict=True, action="claim", constraint=str(error))

    async def _failed(self, businesses: Mapping[int, Note], term: Term, error: DatabaseAway | DatabaseBusy) -> None:
        self._outage.failed(error, businesses=len(businesses))
        for business_id, note in businesses.items():
            self._notes.add(business_id, note)
        await term.over_within(AWAY_AGAIN)
