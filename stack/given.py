"""The servers that the user names, in the environment or in `.env`, and what may be done with them."""

import os
from typing import Any

import asyncpg
from dotenv import dotenv_values

from stack.databases import migrate
from stack.errors import StackError
from stack.rundir import ROOT

GUEST = "Demonstration"
OTHERS_ARE_HERE = f"""
    SELECT EXISTS (SELECT FROM businesses WHERE name <> '{GUEST}')
        OR EXISTS (SELECT FROM outbound_call_runs WHERE status IN ('pending', 'running'))
"""  # noqa: S608 - a constant


def given(name: str) -> str | None:
    """A setting's value where it is set; the environment wins over `.env`."""
    return os.environ.get(name) or dotenv_values(ROOT / ".env").get(name) or None


async def servers_for_a_guest() -> dict[str, Any]:
    """How a Stack that only visits is to use what is given: a database and a virtual host of its own.

    Where the user may create no database, the given one must hold no businesses but earlier guests: a guest's
    leads must not come before a dispatcher that dials in earnest.
    """
    url = given("DATABASE_URL")
    servers: dict[str, Any] = {"rabbitmq_url": given("AMQP_URL")}
    if url is None or await _asked(url, "SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user"):
        return {**servers, "postgres_url": url}
    await migrate(url)
    if await _asked(url, OTHERS_ARE_HERE):
        raise StackError(
            "DATABASE_URL's user may not create databases, and its database already holds businesses or an "
            "unfinished run; give the user CREATEDB, name an empty database, or unset DATABASE_URL"
        )
    return {**servers, "database_url": url}


async def places_for_good() -> dict[str, Any]:
    """How a Stack that stays is to use what is given: as it is, the database brought to the newest schema."""
    url = given("DATABASE_URL")
    if url is not None:
        await migrate(url)
    return {"database_url": url, "amqp_url": given("AMQP_URL")}


async def _asked(url: str, question: str) -> bool:
    try:
        connection = await asyncpg.connect(url)
    except (OSError, asyncpg.PostgresError) as error:
        raise StackError(f"DATABASE_URL cannot be reached: {error}") from error
    try:
        return bool(await connection.fetchval(question))
    finally:
        await connection.close()
