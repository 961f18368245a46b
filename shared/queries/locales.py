"""The language of a business."""

from __future__ import annotations

from sqlalchemy import text

from shared.db import Database

# Read under the platform's role, before anybody's business is known to exist.
LOCALE = text("SELECT locale FROM businesses WHERE id = :business_id")


async def read_locale(db: Database, business_id: int) -> str | None:
    """Return the locale of a business, None where there is no such business."""
    row = await db.row(LOCALE, business_id=business_id)
    return None if row is None else str(row.locale)
