"""Records callbacks: one guarded transition each, in transactions that waiting requests share.

Rules: nothing is told before the commit, and nothing that was committed depends on the request that brought it still
being there. A callback whose run somebody holds leaves the common batch for one of its run's own, which waits: a held
run delays its own callbacks and nobody else's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from services.webhook.announce import Publish, announce
from services.webhook.batch import Batcher
from services.webhook.door import Signed
from services.webhook.form import Pairs
from shared.crashpoints import crash_point
from shared.db import Database
from shared.domain import Outcome
from shared.errors import DatabaseAway, DatabaseBusy
from shared.queries import callbacks
from shared.queries.callbacks import Heard, Recorded
from shared.telephony.callback import Callback, CallStatus

VOICE = "voice"
LANES = 4
"""Runs whose callbacks wait for a lock at the same time; each takes a connection."""
LARGEST_SEQUENCE = 2**31 - 1
NOT_RECORDED = ("busy", "unknown", "unvouched")


class Recorder:
    """The way of callbacks into the database."""

    def __init__(self, db: Database, grace: float, publish: Publish) -> None:
        self._db = db
        self._grace = grace
        self._publish = publish
        self._common = Batcher[Heard, Recorded]("callbacks", self._at_once, shared_fate=(DatabaseAway,))
        self._lanes: dict[int | None, Batcher[Heard, Recorded]] = {}
        self._waiting = asyncio.Semaphore(LANES)

    async def record(self, heard: Heard) -> Recorded:
        """Record a callback and say what it changed; nothing where what vouched for it does not hold (`unvouched`).

        Raises DatabaseAway or DatabaseBusy.
        """
        recorded = await self._common.submit(heard)
        if recorded.result == "busy":
            recorded = await self._in_lane(recorded.run_id, heard)
        if recorded.result == "busy":
            raise DatabaseBusy
        return recorded

    async def _in_lane(self, run_id: int | None, heard: Heard) -> Recorded:
        if run_id not in self._lanes:
            fate = (DatabaseAway, DatabaseBusy)
            self._lanes = {run: lane for run, lane in self._lanes.items() if not lane.idle}
            self._lanes[run_id] = Batcher(f"callbacks of run {run_id}", self._patiently, shared_fate=fate)
        return await self._lanes[run_id].submit(heard)

    async def _at_once(self, batch: Sequence[Heard]) -> Sequence[Recorded]:
        return await self._recorded(batch, wait=False)

    async def _patiently(self, batch: Sequence[Heard]) -> Sequence[Recorded]:
        async with self._waiting:
            return await self._recorded(batch, wait=True)

    async def _recorded(self, batch: Sequence[Heard], *, wait: bool) -> Sequence[Recorded]:
        crash_point("webhook.record.before")
        recorded = await callbacks.record_callbacks(self._db, batch, grace=self._grace, wait=wait)
        crash_point("webhook.record.committed")
        for heard, one in zip(batch, recorded, strict=True):
            if one.result not in NOT_RECORDED:
                announce(heard, one, self._publish)
        return recorded


def status_heard(signed: Signed) -> Heard:
    """What a status callback says."""
    callback, vouched = signed.callback, signed.vouched
    return Heard(
        token=signed.token,
        call_sid=callback.call_sid,
        event=callback.status.value,
        rank=callback.status.rank,
        outcome=callback.outcome,
        sequence=_sequence(callback),
        code=f"sip:{callback.sip_code}" if callback.outcome is Outcome.FAILED and callback.sip_code else None,
        fields=_kept(signed.pairs),
        account_sid=vouched.account_sid if vouched else None,
        key_digest=vouched.digest if vouched else None,
    )


def voice_heard(signed: Signed) -> Heard:
    """What a voice request says: that somebody answered. It never ends a call."""
    return Heard(
        token=signed.token,
        call_sid=signed.callback.call_sid,
        event=VOICE,
        rank=CallStatus.IN_PROGRESS.rank,
        fields=_kept(signed.pairs),
    )


def _sequence(callback: Callback) -> int | None:
    return callback.sequence if (callback.sequence or 0) <= LARGEST_SEQUENCE else None


def _kept(pairs: Pairs) -> dict[str, object]:
    """The fields as the database can hold them, a repeated one as a list: it takes no NUL."""
    kept: dict[str, object] = dict(pairs)
    if len(kept) == len(pairs) and "\0" not in "".join(map("".join, pairs)):
        return kept
    kept.clear()
    for sent_name, sent_value in pairs:
        name, value = sent_name.replace("\0", "\ufffd"), sent_value.replace("\0", "\ufffd")
        before = kept.get(name)
        if before is None:
            kept[name] = value
        else:
            kept[name] = [*before, value] if isinstance(before, list) else [before, value]
    return kept
