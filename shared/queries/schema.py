"""What the database says about its own shape."""

from __future__ import annotations

from sqlalchemy import text

from shared.db import Database

# Whether anything was ever migrated here; asked first, for the next statement needs the table.
HAS_VERSION = text("SELECT to_regclass('public.alembic_version') IS NOT NULL AS present")

# The revision that the database is at.
VERSION = text("SELECT version_num FROM alembic_version")

# Tables of ours whose rows are not kept apart for the role that asks, or that a table's owner could read past.
UNPROTECTED = text(
    """
    SELECT t.name FROM unnest(CAST(:tables AS text[])) t (name)
    LEFT JOIN pg_class c ON c.oid = to_regclass('public.' || t.name)
    WHERE c.oid IS NULL OR NOT c.relrowsecurity OR NOT c.relforcerowsecurity OR NOT row_security_active(c.oid)
    ORDER BY t.name
    """
)

# Whether any lead can be seen with no business named.
SEES_LEADS = text("SELECT EXISTS (SELECT 1 FROM leads) AS seen")


async def read_revision(db: Database) -> str | None:
    """Return the revision of the database, None where nothing was ever migrated."""
    row = await db.row(HAS_VERSION)
    if row is None or not row.present:
        return None
    version = await db.row(VERSION)
    return None if version is None else str(version.version_num)


async def read_unprotected(db: Database, tables: list[str]) -> list[str]:
    """Return which of these tables row-level security does not guard against the role that asks."""
    return [str(row.name) for row in await db.rows(UNPROTECTED, tables=tables)]


async def sees_leads(db: Database) -> bool:
    """Return whether this role sees a lead while no business is named."""
    row = await db.row(SEES_LEADS)
    return row is not None and bool(row.seen)
