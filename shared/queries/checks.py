"""What the reaper asks of the database about single calls: looks, what they found, and hang-ups."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import TextClause, text

from shared.db import Database
from shared.pool import Row

# Makes uncertain the calls whose create should have been answered by now.
MARK_UNCERTAIN = text("SELECT call_id, business_id, run_id, job_id FROM ringfence_mark_uncertain(:limit)")

# Calls past their longest life.
FIND_EXPIRED = text("""
    SELECT id AS call_id, dial_token FROM calls
    WHERE next_check_at <= statement_timestamp() AND expires_at <= statement_timestamp()
    ORDER BY next_check_at LIMIT :limit
""")

# Takes calls whose next look is due.
TAKE_CHECKS = text("""
    SELECT * FROM ringfence_take_checks(
        :limit, :per_account, CAST(:busy AS bigint[]), CAST(:patience AS interval), CAST(:grace AS interval))
""")

# Applies what a look found.
SETTLE = text("""
    SELECT * FROM ringfence_settle(
        :call_id, CAST(:token AS uuid), :finding, CAST(:call_sid AS text), CAST(:rank AS integer),
        CAST(:outcome AS text), CAST(:looked_at AS timestamptz), CAST(:settle_after AS interval),
        CAST(:absent_after AS interval), CAST(:grace AS interval))
""")

# Takes hang-ups that are due.
TAKE_HANGUPS = text("""
    SELECT * FROM ringfence_take_hangups(
        :limit, :per_account, CAST(:busy AS bigint[]), CAST(:patience AS interval))
""")

# Notes what came of a hang-up.
NOTE_HANGUP = text("SELECT ringfence_note_hangup(:call_id, CAST(:token AS uuid), :done)")


@dataclass(frozen=True)
class UncertainCall:
    """A call that has just become uncertain."""

    call_id: int
    business_id: int
    run_id: int
    job_id: int


@dataclass(frozen=True)
class ExpiredCall:
    """A call that is past its longest life."""

    call_id: int
    dial_token: UUID = field(repr=False)


@dataclass(frozen=True)
class HangUp:
    """A call that is to be ended at the provider."""

    call_id: int
    dial_token: UUID = field(repr=False)
    business_id: int
    run_id: int
    job_id: int
    call_sid: str
    account_id: int
    account_sid: str
    account_is_shared: bool
    auth_token_sealed: bytes | None = field(repr=False)


@dataclass(frozen=True)
class Check:
    """A call to be looked up: by `fetch` of its sid, or by `list` of its numbers.

    `created_at`, `last_moment` (when its create's answer was due), `looked_at` and `denied_at` (when a list had not
    shown it) are the database's times.
    """

    call_id: int
    dial_token: UUID = field(repr=False)
    kind: str
    business_id: int
    run_id: int
    job_id: int
    call_sid: str | None
    to_number: str = field(repr=False)
    from_number: str = field(repr=False)
    created_at: datetime
    last_moment: datetime
    looked_at: datetime
    account_id: int
    account_sid: str
    account_is_shared: bool
    auth_token_sealed: bytes | None = field(repr=False)
    state: str
    denied_at: datetime | None


@dataclass(frozen=True)
class Waits:
    """The times of the settings that settling goes by."""

    settle_after: timedelta
    absent_after: timedelta
    grace: timedelta


@dataclass(frozen=True)
class Settled:
    """What a finding changed; `result` is a word of ringfence_settle or None, `known_…` what the row said before."""

    result: str | None
    business_id: int
    run_id: int
    job_id: int
    call_sid: str | None
    released: bool
    outcome: str | None
    run_ended: str | None
    job_status: str | None
    known_state: str
    known_outcome: str | None


async def mark_uncertain(db: Database, limit: int) -> list[UncertainCall]:
    """Make at most so many overdue calls uncertain, and return them."""
    return _all(UncertainCall, await db.rows(MARK_UNCERTAIN, limit=limit))


async def find_expired(db: Database, limit: int) -> list[ExpiredCall]:
    """Return at most so many calls that are past their longest life."""
    return _all(ExpiredCall, await db.rows(FIND_EXPIRED, limit=limit))


async def take_checks(
    db: Database, *, limit: int, per_account: int, busy: Collection[int], patience: timedelta, grace: timedelta
) -> list[Check]:
    """Take due calls; nobody else takes them for as long as `patience`. `busy` names an account once per look.

    Calls that were heard of less than `grace` ago are put off instead.
    """
    return await _take(
        Check,
        TAKE_CHECKS,
        db,
        limit=limit,
        per_account=per_account,
        busy=list(busy),
        patience=patience,
        grace=grace,
    )


async def take_hangups(
    db: Database, *, limit: int, per_account: int, busy: Collection[int], patience: timedelta
) -> list[HangUp]:
    """Take due hang-ups, as `take_checks` takes looks."""
    return await _take(
        HangUp, TAKE_HANGUPS, db, limit=limit, per_account=per_account, busy=list(busy), patience=patience
    )


async def settle(
    db: Database,
    call_id: int,
    token: UUID,
    finding: str,
    *,
    waits: Waits,
    call_sid: str | None = None,
    rank: int | None = None,
    outcome: str | None = None,
    looked_at: datetime | None = None,
) -> Settled | None:
    """Apply a finding and return what it changed, None where there is no such call."""
    row = await db.row(
        SETTLE,
        call_id=call_id,
        token=token,
        finding=finding,
        call_sid=call_sid,
        rank=rank,
        outcome=outcome,
        looked_at=looked_at,
        settle_after=waits.settle_after,
        absent_after=waits.absent_after,
        grace=waits.grace,
    )
    return None if row is None else _all(Settled, [row])[0]


async def note_hangup(db: Database, hangup: HangUp, *, done: bool) -> None:
    """Note that the provider ended the call, or that it must be asked again."""
    await db.rows(NOTE_HANGUP, call_id=hangup.call_id, token=hangup.dial_token, done=done)


T = TypeVar("T", UncertainCall, ExpiredCall, Check, HangUp, Settled)


async def _take(kind: type[T], statement: TextClause, db: Database, **values: Any) -> list[T]:
    return _all(kind, await db.rows(statement, **values))


def _all(kind: type[T], rows: Collection[Row]) -> list[T]:
    names = kind.__dataclass_fields__
    return [kind(**{name: getattr(row, name) for name in names}) for row in rows]
