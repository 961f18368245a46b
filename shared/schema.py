"""Whether the database has the schema that this program needs."""

from __future__ import annotations

from shared.db import Database
from shared.errors import SchemaTooOld
from shared.migrations.upgrade import known_revisions
from shared.queries.schema import read_revision


async def require_schema(db: Database) -> None:
    """Raise SchemaTooOld unless the database is at our newest revision, or at one that only a newer program knows.

    `db` must not set a role: before the first migration there is none. Raises DatabaseAway or DatabaseBusy.
    """
    revision = await read_revision(db)
    newest, known = known_revisions()
    if revision is None or (revision in known and revision != newest):
        raise SchemaTooOld(
            f"the database schema is at {revision or 'nothing'}, this program needs {newest}:"
            " run `python -m shared.migrations`"
        )
