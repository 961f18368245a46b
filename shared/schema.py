"""Whether the database has the schema that this program needs."""

from __future__ import annotations

from shared.db import Database
from shared.errors import DatabaseAway, DatabaseBusy, SchemaTooOld
from shared.migrations.upgrade import known_revisions
from shared.process import Stop, report_failure
from shared.queries.schema import read_revision

AGAIN_SECONDS = 0.5
"""Between two checks over a database that comes and goes."""


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


async def await_schema(db: Database, stop: Stop) -> bool:
    """Wait for the database and check its schema, which it may go away from again. False when the stop came first.

    Raises SchemaTooOld.
    """
    while await db.wait(stop):
        try:
            await require_schema(db)
        except (DatabaseAway, DatabaseBusy) as error:
            report_failure("schema", error)
            await stop.within(AGAIN_SECONDS)
        else:
            return True
    return False
