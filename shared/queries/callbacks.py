"""What the webhook service asks of the database: whose a token is, what to say, and the record of callbacks."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import orjson
from sqlalchemy import text

from shared.db import Database
from shared.pool import Row

# Whose these tokens are, how their calls stand, with what their callbacks are signed, and what their runs say.
FIND_CALLS = text("""
    SELECT c.dial_token, c.id AS call_id, c.business_id, c.run_id, c.job_id, c.call_sid, c.sid_is_guess, c.state,
        c.surfaced_at, j.dial_lock_token IS DISTINCT FROM c.dial_token AS job_moved_on, a.account_sid,
        a.is_shared AS account_is_shared, CASE WHEN NOT a.is_shared THEN b.auth_token_sealed END AS auth_token_sealed,
        r.twiml, r.twiml_url, r.force_cancelled
    FROM calls c
    JOIN outbound_call_jobs j ON j.id = c.job_id
    JOIN outbound_call_runs r ON r.id = c.run_id
    JOIN businesses b ON b.id = c.business_id
    JOIN accounts a ON a.id = c.account_id
    WHERE c.dial_token = ANY (CAST(:tokens AS uuid[]))
""")

# What a run has to say to whoever answers.
SPEECH = text("SELECT twiml, twiml_url, force_cancelled FROM outbound_call_runs WHERE id = :run_id")

# Records callbacks, several at once; without `wait` what somebody else holds comes back as busy.
RECORD_CALLBACKS = text("""
    SELECT * FROM ringfence_record_callbacks(CAST(:items AS jsonb), CAST(:grace AS interval), :wait)
""")


@dataclass(frozen=True)
class Speech:
    """What a run says: exactly one of the two, unless an older system made the run."""

    twiml: str | None
    twiml_url: str | None
    force_cancelled: bool


@dataclass(frozen=True)
class FoundCall:
    """The call that a token was given out for."""

    call_id: int
    business_id: int
    run_id: int
    job_id: int
    call_sid: str | None
    sid_is_guess: bool
    state: str
    surfaced_at: datetime | None
    job_moved_on: bool
    account_sid: str
    account_is_shared: bool
    auth_token_sealed: bytes | None = field(repr=False)
    speech: Speech | None = None

    @property
    def certain_sid(self) -> str | None:
        """The sid that came with the token, if one has."""
        return None if self.sid_is_guess else self.call_sid


@dataclass(frozen=True)
class Heard:
    """What one callback says of a call. `rank` is 0 to 4, and `outcome` goes with 4.

    With `account_sid` it is recorded only where the call is that account's, and `key_digest` the SHA-256 of its sealed
    auth token (None: it is the shared account).
    """

    token: UUID = field(repr=False)
    call_sid: str
    event: str
    rank: int
    outcome: str | None = None
    sequence: int | None = None
    code: str | None = None
    fields: Mapping[str, object] = field(default_factory=dict, repr=False)
    account_sid: str | None = None
    key_digest: str | None = None


@dataclass(frozen=True)
class Recorded:
    """What the record of one callback changed; `result` is a word of ringfence_record_callbacks.

    What the row said before is `known_…`; `sid_of` is another call whose the sid is already.
    """

    result: str
    call_id: int | None
    business_id: int | None
    run_id: int | None
    job_id: int | None
    released: bool
    ended: bool
    outcome: str | None
    was_uncertain: bool
    run_ended: str | None
    known_sid: str | None
    known_state: str | None
    known_outcome: str | None
    sid_of: int | None


async def find_calls(db: Database, tokens: Collection[UUID]) -> dict[UUID, FoundCall]:
    """Return the calls of these tokens, without those that were never given out."""
    rows = await db.rows(FIND_CALLS, tokens=list(tokens))
    return {row.dial_token: _found(row) for row in rows}


def _found(row: Row) -> FoundCall:
    values = {name: getattr(row, name) for name in FoundCall.__dataclass_fields__ if name != "speech"}
    return FoundCall(**values, speech=Speech(row.twiml, row.twiml_url, row.force_cancelled))


async def read_speech(db: Database, run_id: int) -> Speech | None:
    """Return what this run says; None where there is no such run."""
    row = await db.row(SPEECH, run_id=run_id)
    return None if row is None else Speech(row.twiml, row.twiml_url, row.force_cancelled)


async def record_callbacks(db: Database, heard: Sequence[Heard], *, grace: float, wait: bool) -> list[Recorded]:
    """Record these callbacks in one transaction, and return what each changed, in their order.

    `grace` is in seconds: a call that is heard of is not looked up for so long.
    """
    rows = await db.rows(RECORD_CALLBACKS, items=_items(heard), grace=timedelta(seconds=grace), wait=wait)
    by_n = {row.n: row for row in rows}
    names = Recorded.__dataclass_fields__
    return [Recorded(**{name: getattr(by_n[n], name) for name in names}) for n in range(len(heard))]


def _items(heard: Sequence[Heard]) -> str:
    items = [
        {
            "n": n,
            "token": str(one.token),
            "call_sid": one.call_sid,
            "event": one.event,
            "rank": one.rank,
            "outcome": one.outcome,
            "sequence": one.sequence,
            "code": one.code,
            "fields": one.fields,
            "account": one.account_sid,
            "key": one.key_digest,
        }
        for n, one in enumerate(heard)
    ]
    return orjson.dumps(items).decode()
