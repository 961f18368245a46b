"""What the dispatcher asks of the database: the lease, the beat, the claim, and the record of what came of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text

from shared.db import Database, Session
from shared.partition import WHOLE, Partition

# Takes the lease if it may be taken, on the connection whose death says that the holder died.
TAKE_LEASE = "SELECT * FROM ringfence_take_lease($1, $2, $3)"

# Says that the holder lives; no row with a value when the lease is somebody else's.
RENEW_LEASE = "SELECT ringfence_renew_lease($1, $2, $3) AS trusted"

# Gives the lease up, so that a successor need not wait.
GIVE_UP_LEASE = (
    "UPDATE dispatcher_lease SET holder = NULL, backend_pid = NULL, backend_start = NULL, renewed_at = NULL"
    " WHERE partition = $3 AND epoch = $1 AND holder = $2"
)

# Finds who shares the partitions, and whose lease may be taken.
ROSTER = "SELECT * FROM ringfence_roster($1, $2)"

# Beats the active runs of a partition and finds the businesses that have a free slot and a job for it.
BEAT = text("""
    SELECT * FROM ringfence_beat(:worker, :epoch, :partition, :partitions, CAST(:overdue AS interval))
""")

# Claims jobs and writes their calls.
CLAIM = text("""
    SELECT * FROM ringfence_claim(
        CAST(:businesses AS bigint[]), :worker, :epoch, :limit, CAST(:send_within AS interval),
        CAST(:dial_timeout AS interval), CAST(:max_call AS interval), :default_from, :partition)
""")

# Records answers to creates, and creates that were not sent.
RECORD_DIALS = text("""
    SELECT * FROM ringfence_record_dials(
        CAST(:items AS jsonb), CAST(:settle_after AS interval), CAST(:grace AS interval))
""")

# Hands back claims whose answer was lost on the way to their owner.
DISOWN = text("SELECT ringfence_disown(:epoch, CAST(:in_hand AS bigint[])) AS calls")

# Makes the account of the settings the shared one, with its rate.
SHARE_ACCOUNT = text("SELECT ringfence_share_account(:account_sid, :rate)")


@dataclass(frozen=True)
class Roster:
    """Those who share the partitions, in order and named by their connections, and the partitions that nobody holds."""

    members: tuple[int, ...]
    me: int
    free: frozenset[int]


@dataclass(frozen=True)
class Lease:
    """The right to dial. `trusted` is false on a database that may have lost calls."""

    epoch: int
    previous: str | None
    trusted: bool


@dataclass(frozen=True)
class Beat:
    """What a beat saw. `hungry` are businesses with a queued job and a free slot."""

    held: bool
    adopted: dict[int, int]
    hungry: tuple[int, ...]


@dataclass(frozen=True)
class ClaimedCall:
    """A call whose create may be sent until its deadline. The repr keeps numbers and secrets to itself."""

    business_id: int
    call_id: int
    run_id: int
    job_id: int
    attempt: int
    dial_token: UUID = field(repr=False)
    to_number: str = field(repr=False)
    from_number: str = field(repr=False)
    ring_timeout: int
    account_id: int
    account_sid: str
    account_is_shared: bool
    auth_token_sealed: bytes | None = field(repr=False)
    adopted: bool
    waited: float | None


@dataclass(frozen=True)
class Verdict:
    """Why a business got no more: idle, slots, rate, provider, uncertain, busy, more, no_account, fenced, untrusted.

    `retry_in` is in seconds, where there is a time to come back at.
    """

    business_id: int
    reason: str
    retry_in: float | None


@dataclass(frozen=True)
class Claimed:
    """What a claim brought."""

    calls: tuple[ClaimedCall, ...]
    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True)
class DialResult:
    """What came of one create. `klass` is a word of `AnswerClass`."""

    call_id: int
    token: UUID = field(repr=False)
    klass: str
    call_sid: str | None = None
    queue_ms: int | None = None
    code: str | None = None
    message: str | None = None
    retry_after: float | None = None

    def item(self) -> dict[str, Any]:
        """The form in which the database takes it."""
        return {
            "call_id": self.call_id,
            "token": str(self.token),
            "class": self.klass,
            "call_sid": self.call_sid,
            "queue_ms": self.queue_ms,
            "code": self.code,
            "message": self.message,
            "retry_after": self.retry_after,
        }


@dataclass(frozen=True)
class RecordedDial:
    """What the record of one create changed.

    What the row said before is `known_…`; `sid_of` is another call whose the answered sid is already.
    """

    call_id: int
    business_id: int
    run_id: int
    job_id: int
    result: str
    run_ended: str | None
    account_change: str | None
    known_sid: str | None
    known_state: str
    known_outcome: str | None
    sid_of: int | None


async def take_lease(session: Session, worker: str, silence: float, partition: int = 0) -> Lease | None:
    """Return the lease of a partition if it could be taken; `silence` is in seconds."""
    row = await session.row(TAKE_LEASE, worker, timedelta(seconds=silence), partition)
    return None if row is None else Lease(row["epoch"], row["previous"], row["trusted"])


async def renew_lease(session: Session, worker: str, epoch: int, partition: int = 0) -> bool | None:
    """Return whether the database is trusted, or None when the lease is lost."""
    row = await session.row(RENEW_LEASE, worker, epoch, partition)
    return None if row is None else row["trusted"]


async def give_up_lease(session: Session, worker: str, epoch: int, partition: int = 0) -> None:
    """Let a successor take over at once."""
    await session.row(GIVE_UP_LEASE, epoch, worker, partition)


async def read_roster(session: Session, partitions: int, silence: float) -> Roster:
    """Return who shares the partitions with the owner of this session; `silence` is in seconds."""
    row = await session.row(ROSTER, partitions, timedelta(seconds=silence))
    if row is None:
        raise RuntimeError("a roster always answers")
    return Roster(tuple(row["members"]), row["me"], frozenset(row["free"]))


async def beat(db: Database, worker: str, epoch: int, share: Partition = WHOLE, overdue: float = 0.0) -> Beat:
    """Beat the active runs of a partition and return what is to be looked at.

    `overdue` is in seconds: of several partitions the first takes in runs that nobody has beaten for so long.
    """
    row = await db.row(
        BEAT,
        worker=worker,
        epoch=epoch,
        partition=share.number,
        partitions=share.of,
        overdue=timedelta(seconds=overdue),
    )
    if row is None:
        raise RuntimeError("a beat always answers")
    return Beat(row.held, dict(zip(row.adopted_runs, row.adopted_businesses, strict=True)), tuple(row.hungry))


async def claim(
    db: Database,
    businesses: Collection[int],
    *,
    worker: str,
    epoch: int,
    limit: int,
    send_within: float,
    dial_timeout: float,
    max_call: float,
    default_from: str | None,
    partition: int = 0,
) -> Claimed:
    """Claim at most `limit` jobs of these businesses under the lease of a partition. Times are in seconds."""
    rows = await db.rows(
        CLAIM,
        businesses=sorted(businesses),
        worker=worker,
        epoch=epoch,
        limit=limit,
        send_within=timedelta(seconds=send_within),
        dial_timeout=timedelta(seconds=dial_timeout),
        max_call=timedelta(seconds=max_call),
        default_from=default_from,
        partition=partition,
    )
    calls = tuple(
        ClaimedCall(**{name: getattr(row, name) for name in ClaimedCall.__dataclass_fields__})
        for row in rows
        if row.verdict == "claimed"
    )
    verdicts = tuple(Verdict(row.business_id, row.verdict, row.retry_in) for row in rows if row.verdict != "claimed")
    return Claimed(calls, verdicts)


async def record_dials(
    db: Database, results: Iterable[DialResult], *, settle_after: float, grace: float
) -> list[RecordedDial]:
    """Record what came of these creates in one transaction."""
    rows = await db.rows(
        RECORD_DIALS,
        items=orjson.dumps([result.item() for result in results]).decode(),
        settle_after=timedelta(seconds=settle_after),
        grace=timedelta(seconds=grace),
    )
    names = RecordedDial.__dataclass_fields__
    return [RecordedDial(**{name: getattr(row, name) for name in names}) for row in rows]


async def disown(db: Database, epoch: int, in_hand: Collection[int]) -> int:
    """Hand back the epoch's calls that are not in hand, and return how many there were."""
    row = await db.row(DISOWN, epoch=epoch, in_hand=sorted(in_hand))
    return row.calls if row else 0


async def share_account(db: Database, account_sid: str, rate: float) -> None:
    """Make this the shared account, at this many calls a second."""
    await db.rows(SHARE_ACCOUNT, account_sid=account_sid, rate=rate)
