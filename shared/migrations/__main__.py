"""`python -m shared.migrations`: brings the database of DATABASE_URL to the newest schema."""

from __future__ import annotations

import asyncio
import sys

from shared.errors import RingfenceError
from shared.logs import configure, logger
from shared.migrations.upgrade import upgrade
from shared.settings import MigrationSettings, read


async def _main(settings: MigrationSettings) -> int:
    try:
        revision = await upgrade(settings.database_url.get_secret_value())
    except RingfenceError as error:
        logger().error("MIGRATION_FAILED", error=str(error))
        return 1
    logger().info("MIGRATED", revision=revision)
    return 0


if __name__ == "__main__":
    configure("migrations", "INFO", "json")
    sys.exit(asyncio.run(_main(read(MigrationSettings, "migrations"))))
