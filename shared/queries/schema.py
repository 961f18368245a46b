"""Which revision of the schema a database is at."""

from __future__ import annotations

from sqlalchemy import text

from shared.db import Database

# Whether anything was ever migrated here.
HAS_REVISIONS = text("SELECT to_regclass('public.alembic_version') IS NOT NULL AS known")

# The revision that the last migration left.
CURRENT_REVISION = text("SELECT version_num FROM alembic_version")


async def current_revision(db: Database) -> str | None:
    """The database's revision, or None when it was never migrated."""
    row = await db.row(HAS_REVISIONS)
    if row is None or not row.known:
        return None
    found = await db.row(CURRENT_REVISION)
    return found.version_num if found else None
