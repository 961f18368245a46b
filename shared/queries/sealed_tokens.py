"""The businesses' auth tokens as they lie in the database, for whoever seals them with another key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy import text

from shared.db import Database

_READ = text("""
    SELECT b.id AS business_id, a.account_sid, b.auth_token_sealed AS sealed
    FROM businesses b JOIN accounts a ON a.id = b.account_id
    WHERE b.auth_token_sealed IS NOT NULL AND b.id > :after ORDER BY b.id LIMIT :most
""")
_REPLACE = text("""
    UPDATE businesses SET auth_token_sealed = :anew WHERE id = :business_id AND auth_token_sealed = :was RETURNING id
""")


@dataclass(frozen=True)
class SealedToken:
    """A business's auth token. The account's sid is bound into its seal."""

    business_id: int
    account_sid: str
    sealed: bytes = field(repr=False)


async def read_sealed_tokens(db: Database, after: int, most: int) -> Sequence[SealedToken]:
    """The next tokens beyond this business, in the order of their businesses. Raises DatabaseAway or DatabaseBusy."""
    return [SealedToken(**row) for row in await db.rows(_READ, after=after, most=most)]


async def replace_sealed_token(db: Database, token: SealedToken, anew: bytes) -> bool:
    """Put a token's new seal in place of the one that was read; False when that is not there any more.

    A seal is never made twice, so whatever was stored meanwhile stays. Raises DatabaseAway or DatabaseBusy.
    """
    row = await db.row(_REPLACE, business_id=token.business_id, was=token.sealed, anew=anew)
    return row is not None
