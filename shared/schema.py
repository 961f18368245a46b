"""Whether the database's schema is the one that this program needs."""

from __future__ import annotations

from shared.db import Database
from shared.errors import SchemaTooOld
from shared.migrations.upgrade import known_revisions
from shared.queries.schema import current_revision


async def require_schema(db: Database) -> None:
    """Raise SchemaTooOld unless the database is at our revision, or at one that a newer program made."""
    revision = await current_revision(db)
    newest, known = known_revisions()
    if revision is None or (revision != newest and revision in known):
        raise SchemaTooOld(
            f"the database schema is at {revision or 'nothing'} and this program needs {newest}:"
            " run `python -m shared.migrations`"
        )
