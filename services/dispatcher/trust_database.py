"""`python -m services.dispatcher trust-database`: an operator's word that no call was lost.

The word is for the database that was met first: one that takes its place while the command runs is not meant.
"""

from __future__ import annotations

import asyncio
import sys

from shared.crashpoints import arm, crash_point
from shared.db import Database
from shared.errors import DatabaseAway, DatabaseBusy
from shared.queries.recovery import read_doubt, trust_database
from shared.settings import MigrationSettings, read

COMMAND = "trust-database"


def main() -> int:
    """Trust the database that DATABASE_URL names; the holder of the lease goes on within seconds."""
    settings = read(MigrationSettings, f"dispatcher {COMMAND}")
    arm(f"dispatcher {COMMAND}")
    try:
        trusted = asyncio.run(_trust(settings.database_url.get_secret_value()))
    except (DatabaseAway, DatabaseBusy) as error:
        sys.stderr.write(f"ringfence dispatcher {COMMAND}: {error}\n")
        return 1
    if not trusted:
        sys.stderr.write(f"ringfence dispatcher {COMMAND}: another database took its place meanwhile; say it again\n")
        return 1
    sys.stdout.write("the database is trusted; the active dispatcher goes on within seconds\n")
    return 0


async def _trust(database_url: str) -> bool:
    db = Database(database_url, name=f"ringfence-{COMMAND}", size=1)
    try:
        doubt = await read_doubt(db)
        crash_point("dispatcher.word.before")
        trusted = await trust_database(db, doubt.identity)
        crash_point("dispatcher.word.committed")
        return trusted
    finally:
        await db.close()
