"""Records what came of creates, and says it in the log and the metrics.

Rules: results that wait together are recorded in one statement, and none waits in order to be batched. A result is
kept until the database took it, however long that is away: it may be the only knowledge of a call. What a constraint
refuses is recorded one by one, so that one result holds up no other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from services.dispatcher.outage import Outage
from shared import contradictions, metrics
from shared.crashpoints import crash_point
from shared.db import Database
from shared.domain import DUPLICATE
from shared.errors import DatabaseAway, DatabaseBusy, DatabaseConflict
from shared.logs import logger
from shared.queries import dispatching
from shared.queries.dispatching import DialResult, RecordedDial
from shared.settings import Settings

BATCH = 100
RETRY = 0.2

log = logger()


class Recorder:
    """The results on their way into the database."""

    def __init__(self, db: Database, settings: Settings) -> None:
        self._db = db
        self._settings = settings
        self._waiting: dict[int, DialResult] = {}
        self._refused: set[int] = set()
        self._outage = Outage("record")
        self._listener: Callable[[int], None] = lambda _business_id: None
        self._arrived = asyncio.Event()
        self._emptied = asyncio.Event()
        self._emptied.set()
        self._closed = False

    @property
    def in_hand(self) -> set[int]:
        """The calls whose results are not recorded, not yet or, where a constraint refused, not ever."""
        return set(self._waiting) | self._refused

    def tell(self, listener: Callable[[int], None]) -> None:
        """Call `listener` with every business that may dial again because of a result."""
        self._listener = listener

    def put(self, result: DialResult) -> None:
        """Record this result as soon as possible."""
        self._waiting[result.call_id] = result
        self._emptied.clear()
        self._arrived.set()

    async def close(self) -> None:
        """Wait until every result is recorded; none comes after this."""
        await self._emptied.wait()
        self._closed = True
        self._arrived.set()

    async def run(self) -> None:
        """Record until closed. What is not recorded when it is cancelled is said in the log: nobody else knows it."""
        try:
            await self._record_all()
        except asyncio.CancelledError:
            for result in self._waiting.values():
                log.error("RESULT_LOST", call_id=result.call_id, call_sid=result.call_sid, action=result.klass)
            raise

    async def _record_all(self) -> None:
        while not self._closed:
            await self._arrived.wait()
            self._arrived.clear()
            while self._waiting:
                await self._record_some()
            self._emptied.set()

    async def _record_some(self) -> None:
        batch = list(self._waiting.values())[:BATCH]
        try:
            await self._record(batch)
        except (DatabaseAway, DatabaseBusy) as error:
            self._outage.failed(error, calls=len(batch))
            await asyncio.sleep(RETRY)
        except DatabaseConflict:
            for result in batch:
                await self._record_alone(result)

    async def _record_alone(self, result: DialResult) -> None:
        try:
            await self._record([result])
        except (DatabaseAway, DatabaseBusy) as error:
            self._outage.failed(error, call_id=result.call_id)
        except DatabaseConflict as error:
            # The row stays uncertain and the reaper settles it: our word for it is in the log.
            log.error(
                "DEDUP_CONFLICT",
                call_id=result.call_id,
                call_sid=result.call_sid,
                action=result.klass,
                constraint=str(error),
                dedup_conflict=True,
            )
            del self._waiting[result.call_id]
            self._refused.add(result.call_id)

    async def _record(self, batch: list[DialResult]) -> None:
        crash_point("dispatcher.record.before")
        recorded = await dispatching.record_dials(
            self._db, batch, settle_after=self._settings.settle_after, grace=self._settings.webhook_grace
        )
        crash_point("dispatcher.record.committed")
        self._outage.over()
        for result in batch:
            self._waiting.pop(result.call_id, None)
        by_call = {result.call_id: result for result in batch}
        for row in recorded:
            _tell(row, by_call[row.call_id])
            if row.result == "rejected" or row.result.startswith("returned") or row.account_change == "closed":
                self._listener(row.business_id)


def _tell(row: RecordedDial, result: DialResult) -> None:
    """Say once what the record of one create changed."""
    ids = {
        "business_id": row.business_id,
        "run_id": row.run_id,
        "job_id": row.job_id,
        "call_id": row.call_id,
        "call_sid": result.call_sid,
    }
    if row.sid_of is not None:
        contradictions.count("foreign_sid")
        log.warning("DEDUP_CONFLICT", **ids, **_known(row), action="foreign_sid", dedup_conflict=True)
    if row.result == "uncertain":
        reason = result.message if row.sid_of is None else "the answer names another call"
        log.warning("CALL_UNCERTAIN", **ids, reason=reason)
    elif row.result == "settled":
        metrics.CALLS_SETTLED.labels(how="answer").inc()
        log.info("CALL_SETTLED", **ids, how="answer")
    elif row.result == "rejected":
        metrics.CALLS_ENDED.labels(outcome="rejected").inc()
        log.info("CALL_ENDED", **ids, outcome="rejected", error_code=result.code, reason=result.message)
        log.info("SLOT_RELEASED", **ids, outcome="rejected")
    elif row.result in ("second_sid", "surfaced"):
        metrics.DUPLICATE_CALLS_DETECTED.inc()
        contradictions.count(row.result)
        if row.result == "second_sid":
            metrics.CALLS_ENDED.labels(outcome=DUPLICATE).inc()
        log.error("DEDUP_CONFLICT", **ids, **_known(row), action=row.result, dedup_conflict=True)
    elif row.result.startswith("returned"):
        log.warning("CALL_NOT_MADE", **ids, action=row.result, error_code=result.code, reason=result.message)
    else:
        log.debug("CALL_RECORDED", **ids, action=row.result)
    if row.account_change:
        log.warning("ACCOUNT_BREAKER", **ids, action=row.account_change, error_code=result.code)
    if row.run_ended:
        log.info("RUN_ENDED", business_id=row.business_id, run_id=row.run_id, status=row.run_ended)


def _known(row: RecordedDial) -> dict[str, object]:
    """What the row said before the answer, whose sid is the line's `call_sid`."""
    return {
        "known_sid": row.known_sid,
        "known_state": row.known_state,
        "known_outcome": row.known_outcome,
        "said": "accepted",
        **({} if row.sid_of is None else {"sid_of_call": row.sid_of}),
    }
