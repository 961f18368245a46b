"""Runs the revisions and installs the functions, under one advisory lock and in one transaction."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, exc, text

from shared.db import translated
from shared.errors import DatabaseConflict, MigrationFailed
from shared.migrations.engine import make_engine, unwrapped
from shared.migrations.script import run_script

HERE = Path(__file__).parent
FUNCTIONS = HERE.parent / "queries" / "functions"
LOCK = 0x52494E47  # one number that only our migrations take
LOCK_SECONDS = 10
"""How long a lock is waited for: behind a table that somebody holds, everybody else would wait for us."""


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(HERE))
    config.attributes["connection"] = connection
    return config


def known_revisions() -> tuple[str, frozenset[str]]:
    """The revision that this program needs, and every one that it knows."""
    scripts = ScriptDirectory.from_config(_config())
    head = scripts.get_current_head()
    if head is None:
        raise RuntimeError("there are no migrations")
    return head, frozenset(script.revision for script in scripts.walk_revisions())


def _install_functions(connection: Connection) -> None:
    """Replace our functions when their text has changed; their signatures may change with them."""
    scripts = [path.read_text() for path in sorted(FUNCTIONS.glob("*.sql"))]
    digest = hashlib.sha256("\n".join(scripts).encode()).hexdigest()
    run_script(
        connection,
        "CREATE TABLE IF NOT EXISTS installed_functions (digest text PRIMARY KEY);"
        "GRANT SELECT ON installed_functions TO ringfence_api, ringfence_platform, ringfence_service;",
    )
    if connection.scalar(text("SELECT digest FROM installed_functions")) == digest:
        return
    names = [path.stem for path in sorted(FUNCTIONS.glob("*.sql"))]
    drops = connection.scalars(
        text(
            "SELECT format('DROP FUNCTION %s', p.oid::regprocedure) FROM pg_proc p"
            " WHERE p.pronamespace = 'public'::regnamespace AND p.proname = ANY(:names)"
        ),
        {"names": names},
    ).all()
    # bodies name one another, so none is checked before all are there
    run_script(connection, "SET LOCAL check_function_bodies = off;" + ";".join([*drops, ""]) + "\n".join(scripts))
    connection.execute(text("DELETE FROM installed_functions"))
    connection.execute(text("INSERT INTO installed_functions (digest) VALUES (:digest)"), {"digest": digest})


def _upgrade(connection: Connection) -> str:
    logging.getLogger("alembic").setLevel(logging.WARNING)
    limits = {
        "lock_timeout": f"{LOCK_SECONDS}s",
        "statement_timeout": "0",
        "idle_in_transaction_session_timeout": "60s",
    }
    for name, value in limits.items():
        connection.execute(text("SELECT set_config(:name, :value, true)"), {"name": name, "value": value})
    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
    command.upgrade(_config(connection), "head")
    _install_functions(connection)
    revision = MigrationContext.configure(connection).get_current_revision()
    return str(revision)


async def upgrade(database_url: str) -> str:
    """Bring the database to the newest schema and return its revision. Running it twice changes nothing.

    Raises DatabaseAway, DatabaseBusy (a lock could not be had) or MigrationFailed; each leaves everything as it was.
    """
    engine = make_engine(database_url, name="ringfence-migrations")
    try:
        with translated(), unwrapped():
            async with engine.begin() as connection:
                return await connection.run_sync(_upgrade)
    except (exc.DBAPIError, asyncpg.PostgresError, DatabaseConflict) as error:
        reason = str(error).partition("\n")[0]
        raise MigrationFailed(f"the database refused a step of the migration: {reason}") from error
    finally:
        await engine.dispose()
