"""What the dispatcher asks of a database that may have lost calls: since when, whose, and what to forgive."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import text

from shared.db import Database

# Says which database this is, and until when everything in it is known to be whole: a renewal that is here says so of
# all that was written before it, whichever lease it renewed.
DOUBT = text("""
    SELECT ringfence_database_identity() AS identity, ringfence_database_trusted() AS trusted,
        max(trusted_until) AS trusted_until, clock_timestamp() AS asked_at
    FROM dispatcher_lease
""")

# Finds the accounts on which a queued job could be dialled.
ACCOUNTS = text("""
    SELECT DISTINCT ON (a.id) a.id AS account_id, a.account_sid, a.is_shared AS account_is_shared,
        CASE WHEN NOT a.is_shared THEN b.auth_token_sealed END AS auth_token_sealed
    FROM businesses b JOIN accounts a ON a.id = b.account_id OR (b.account_id IS NULL AND a.is_shared)
    WHERE EXISTS (SELECT 1 FROM outbound_call_runs r JOIN outbound_call_jobs j ON j.run_id = r.id
                  WHERE r.business_id = b.id AND r.ended_at IS NULL AND j.status = 'queued')
    ORDER BY a.id, b.id
""")

# Fails queued jobs whose lead was rung by a call that the database has lost.
ADOPT_UNKNOWN = text("SELECT * FROM ringfence_adopt_unknown(:account_id, CAST(:calls AS jsonb))")

# Says that the database is whole; with an identity only if it is still that database.
TRUST_DATABASE = text("SELECT ringfence_trust_database(:identity) AS trusted")


@dataclass(frozen=True)
class Doubt:
    """A database that may have lost calls made since `trusted_until`, unless it is trusted; by its clock it is
    `asked_at`."""

    identity: str
    trusted: bool
    trusted_until: datetime | None
    asked_at: datetime


@dataclass(frozen=True)
class ListedAccount:
    """An account whose calls are to be compared."""

    account_id: int
    account_sid: str
    account_is_shared: bool
    auth_token_sealed: bytes | None = field(repr=False)


@dataclass(frozen=True)
class Adopted:
    """A job that is not dialled, because a lost call rang its lead."""

    business_id: int
    run_id: int
    job_id: int
    call_sid: str
    run_ended: str | None


async def read_doubt(db: Database) -> Doubt:
    """Return what is doubted."""
    row = await db.row(DOUBT)
    if row is None:
        raise RuntimeError("an aggregate always answers")
    return Doubt(row.identity, row.trusted, row.trusted_until, row.asked_at)


async def listed_accounts(db: Database) -> list[ListedAccount]:
    """Return the accounts on which something waits to be dialled."""
    return [ListedAccount(**row) for row in await db.rows(ACCOUNTS)]


async def adopt_unknown(db: Database, account_id: int, calls: Iterable[tuple[str, str]]) -> list[Adopted]:
    """Fail the queued jobs that these calls (sid, number called) already rang, and return them."""
    items: list[dict[str, Any]] = [{"sid": sid, "to": to} for sid, to in calls]
    rows = await db.rows(ADOPT_UNKNOWN, account_id=account_id, calls=orjson.dumps(items).decode())
    return [Adopted(**row) for row in rows]


async def trust_database(db: Database, identity: str | None = None) -> bool:
    """Trust the database, whichever it is or only this one, and return whether it is trusted."""
    row = await db.row(TRUST_DATABASE, identity=identity)
    return bool(row and row.trusted)
