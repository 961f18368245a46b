"""What follows from the reason why a business got no more calls."""

from __future__ import annotations

from services.dispatcher.lease import LeaseKeeper
from services.dispatcher.notes import Note, Notes
from services.dispatcher.term import Term
from shared import metrics
from shared.logs import logger
from shared.queries.dispatching import Verdict

BUSY_AGAIN = 0.02
PROVIDER_MIN = 0.05
RATE_MIN = 0.001
_NOTHING_LEFT = frozenset({"idle", "slots"})

log = logger()


class Verdicts:
    """Notes a business again where there is a moment to come back at, and says what an operator must know, once."""

    def __init__(self, notes: Notes, keeper: LeaseKeeper) -> None:
        self._notes = notes
        self._keeper = keeper
        self._busy_before: set[int] = set()
        self._without_account: set[int] = set()

    def follow(self, verdict: Verdict, note: Note, term: Term, *, claimed: bool) -> None:
        """Act on one business's verdict; `claimed` says whether it got a call in the same claim."""
        business_id = verdict.business_id
        log.debug("ADVANCED", business_id=business_id, action=verdict.reason, retry_in=verdict.retry_in)
        self._tell_account(verdict)
        if verdict.reason == "busy":
            self._again_when_busy(business_id, note)
            return
        self._busy_before.discard(business_id)
        again = Note(note.source)
        if verdict.reason == "rate":
            self._notes.add_in(max(verdict.retry_in or 0.0, RATE_MIN), business_id, again)
        elif verdict.reason == "provider":
            self._notes.add_in(max(verdict.retry_in or 0.0, PROVIDER_MIN), business_id, again)
        elif verdict.reason == "more":
            self._notes.add(business_id, again)
        elif verdict.reason == "fenced":
            metrics.DUPLICATE_DIALS_PREVENTED.labels(how="fence").inc()
            self._keeper.lost(term, "a claim found another holder")
        elif verdict.reason == "untrusted":
            self._keeper.told(trusted=False)
        elif verdict.reason in _NOTHING_LEFT and not claimed:
            self._found_nothing(business_id, note)
        if claimed:
            self._notes.fruitful(business_id)

    def _found_nothing(self, business_id: int, note: Note) -> None:
        self._notes.fruitless(business_id)
        if note.redelivered:
            metrics.DUPLICATE_DIALS_PREVENTED.labels(how="redelivery").inc()
            log.info("DEDUP_CONFLICT", business_id=business_id, dedup_conflict=True, action="redelivery")

    def _again_when_busy(self, business_id: int, note: Note) -> None:
        again = BUSY_AGAIN if business_id in self._busy_before else 0.0
        self._busy_before.add(business_id)
        self._notes.add_in(again, business_id, note)

    def _tell_account(self, verdict: Verdict) -> None:
        business_id = verdict.business_id
        if verdict.reason != "no_account":
            self._without_account.discard(business_id)
        elif business_id not in self._without_account:
            self._without_account.add(business_id)
            log.warning(
                "NO_ACCOUNT", business_id=business_id, action="waiting for an account with a number to call from"
            )
