"""The dispatcher's one use case: for the businesses to look at, claim what free slots allow, and dial it.

Rules: hints are noted, never queued, so a hundred of them for one business are one pass, and one that comes while its
business is being advanced causes one more. A claim takes no more than can be written at once; everything that waits,
waits unclaimed. What somebody else holds at this instant is tried again at once, then after 20 ms.
"""

from __future__ import annotations

import asyncio

from services.dispatcher.dial import Dialer
from services.dispatcher.lease import LeaseKeeper
from services.dispatcher.term import Term
from shared import metrics
from shared.db import Database
from shared.errors import DatabaseAway, DatabaseBusy, DatabaseConflict
from shared.health import Health
from shared.logs import logger
from shared.process import report_failure
from shared.queries import dispatching
from shared.queries.dispatching import Claimed, Verdict
from shared.settings import Settings
from shared.telephony import boottime

BATCH = 200
"""Businesses per claim at most: a claim of that many stays well below the statement limit."""

BUSY_AGAIN = 0.02
PROVIDER_MIN = 0.05
AWAY_AGAIN = 0.25

log = logger()


class Advancer:
    """Claims for the businesses that were noted, one statement at a time, while the term lasts."""

    def __init__(
        self, db: Database, dialer: Dialer, keeper: LeaseKeeper, worker: str, settings: Settings, health: Health
    ) -> None:
        self._db = db
        self._dialer = dialer
        self._keeper = keeper
        self._worker = worker
        self._settings = settings
        self._health = health
        self._noted: dict[int, str] = {}
        self._busy_before: set[int] = set()
        self._wake = asyncio.Event()
        self._lost_claim = False

    def note(self, business_id: int, source: str) -> None:
        """Look at this business soon. The first source that named it is the one that is logged."""
        self._noted.setdefault(business_id, source)
        self._wake.set()

    async def run(self, term: Term) -> None:
        """Advance what is noted until the term is over; what was claimed by then is still dialled."""
        term.tell(self._wake.set)
        self._dialer.tell(self._wake.set)
        while not term.is_over():
            await self._wake.wait()
            self._wake.clear()
            while self._noted and self._dialer.room and not term.is_over():
                await self._advance(self._take(), term)

    async def _advance(self, businesses: dict[int, str], term: Term) -> None:
        try:
            await self._pass(businesses, term)
        except DatabaseConflict as error:
            await self._apart(businesses, term, error)
        except (DatabaseAway, DatabaseBusy) as error:
            await self._failed(businesses, term, error)

    def _take(self) -> dict[int, str]:
        chosen = dict(list(self._noted.items())[:BATCH])
        for business_id in chosen:
            del self._noted[business_id]
        return chosen

    async def _pass(self, businesses: dict[int, str], term: Term) -> None:
        if self._lost_claim:
            await self._disown(term)
        t0 = boottime.now()  # before the statement leaves, so our limit lies before the row's deadline
        claimed = await dispatching.claim(
            self._db,
            businesses,
            worker=self._worker,
            epoch=term.epoch,
            limit=self._dialer.room,
            send_within=self._settings.send_within,
            dial_timeout=self._settings.dial_timeout,
            max_call=self._settings.max_call_seconds,
            default_from=self._settings.twilio_from_number,
        )
        metrics.CLAIM_SECONDS.observe(boottime.now() - t0)
        self._health.set("database", up=True)
        self._dial(claimed, businesses, t0 + self._settings.send_within)
        for verdict in claimed.verdicts:
            self._follow(verdict, businesses[verdict.business_id], term)

    def _dial(self, claimed: Claimed, sources: dict[int, str], send_before: float) -> None:
        metrics.CLAIMED_JOBS.inc(len(claimed.calls))
        announced: set[int] = set()
        for call in claimed.calls:
            source = sources[call.business_id]
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

    def _follow(self, verdict: Verdict, source: str, term: Term) -> None:
        business_id = verdict.business_id
        log.debug("ADVANCED", business_id=business_id, action=verdict.reason, retry_in=verdict.retry_in)
        if verdict.reason == "busy":
            again = BUSY_AGAIN if business_id in self._busy_before else 0.0
            self._busy_before.add(business_id)
            self._note_in(again, business_id, source)
            return
        self._busy_before.discard(business_id)
        if verdict.reason in ("rate", "provider"):
            self._note_in(
                max(verdict.retry_in or 0.0, PROVIDER_MIN * (verdict.reason == "provider")), business_id, source
            )
        elif verdict.reason == "more":
            self.note(business_id, source)
        elif verdict.reason == "fenced":
            metrics.DUPLICATE_DIALS_PREVENTED.labels(how="fence").inc()
            self._keeper.lost(term, "a claim found another holder")
        elif verdict.reason == "no_account":
            log.warning(
                "NO_ACCOUNT", business_id=business_id, action="waiting for an account with a number to call from"
            )
        elif verdict.reason == "untrusted":
            log.error("DATABASE_UNTRUSTED", business_id=business_id, action="claiming nothing")

    def _note_in(self, seconds: float, business_id: int, source: str) -> None:
        if seconds <= 0:
            self.note(business_id, source)
        else:
            asyncio.get_running_loop().call_later(seconds, self.note, business_id, source)

    async def _disown(self, term: Term) -> None:
        """A claim's answer was lost: what it claimed was never sent, and only we can know."""
        count = await dispatching.disown(self._db, term.epoch, self._dialer.in_hand)
        self._lost_claim = False
        if count:
            log.warning("CLAIMS_HANDED_BACK", epoch=term.epoch, calls=count)
            metrics.DUPLICATE_DIALS_PREVENTED.labels(how="deadline").inc(count)

    async def _apart(self, businesses: dict[int, str], term: Term, error: DatabaseConflict) -> None:
        """A constraint refused the whole claim; one by one only the business that it concerns is held up."""
        if len(businesses) == 1:
            self._refused(next(iter(businesses)), error)
            return
        for business_id, source in businesses.items():
            await self._advance({business_id: source}, term)

    def _refused(self, business_id: int, error: DatabaseConflict) -> None:
        metrics.DUPLICATE_DIALS_PREVENTED.labels(how="claim_conflict").inc()
        log.error("DEDUP_CONFLICT", business_id=business_id, dedup_conflict=True, action="claim", constraint=str(error))

    async def _failed(self, businesses: dict[int, str], term: Term, error: DatabaseAway | DatabaseBusy) -> None:
        self._lost_claim = True
        report_failure("claim", error, businesses=len(businesses))
        for business_id, source in businesses.items():
            self.note(business_id, source)
        await term.over_within(AWAY_AGAIN)
