"""Businesses: what they are called, what they may do at once, and whose account pays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import orjson
from sqlalchemy import text

from shared.db import Database

Verdict = Literal["done", "not_found", "taken", "live_calls"]

# One business with the name of its account; nothing of its token.
READ = text("""
    SELECT b.id, b.name, b.max_concurrent_calls, b.calls_per_second, b.default_region, b.locale, b.from_number,
        b.created_at, a.account_sid
    FROM businesses b
    LEFT JOIN accounts a ON a.id = b.account_id
    WHERE b.id = :business_id
""")

# Makes or changes a business, and brings its account along.
SAVE = text("""
    SELECT * FROM ringfence_save_business(
        CAST(:business_id AS bigint), CAST(:fields AS jsonb), CAST(:account_sid AS text), CAST(:token AS bytea),
        CAST(:detach AS boolean), CAST(:may_share AS boolean))
""")


@dataclass(frozen=True, slots=True)
class Business:
    """A business as it is kept. `account_sid` is None for one that uses the shared account."""

    id: int
    name: str
    max_concurrent_calls: int
    calls_per_second: float
    default_region: str
    locale: str
    account_sid: str | None
    from_number: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class SealedAccount:
    """An account for a business; its token is sealed for that account."""

    account_sid: str
    sealed_token: bytes = field(repr=False)


async def read_business(db: Database, business_id: int) -> Business | None:
    """Return a business, None for one that does not exist or, under the API's role, is not `business_id`'s own."""
    async with db.transaction(business_id=business_id) as connection:
        row = await connection.row(READ, business_id=business_id)
    return Business(**row) if row is not None else None


async def save_business(
    db: Database,
    business_id: int | None,
    fields: Mapping[str, object],
    *,
    account: SealedAccount | None = None,
    detach: bool = False,
    may_share: bool = False,
) -> tuple[Verdict, int | None]:
    """Make a business, or change the one with this id; what came of it, and the id.

    `may_share` lets it use an account that another business uses. Needs the platform's role when the account or the
    rate is touched.
    """
    row = await db.row(
        SAVE,
        business_id=business_id,
        fields=orjson.dumps(fields).decode(),
        account_sid=account.account_sid if account else None,
        token=account.sealed_token if account else None,
        detach=detach,
        may_share=may_share,
    )
    if row is None:
        raise RuntimeError("saving a business always answers")
    return row.verdict, row.id
