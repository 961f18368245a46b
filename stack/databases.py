"""Databases on one PostgreSQL server: ours, or the one that DATABASE_URL names.

Each is made from a template that the migrations have brought to the newest schema once. Its owner is an
ordinary role that may create roles, no superuser, so that row-level security binds it as in production.
"""

import asyncio
import hashlib
import secrets
import sys
from dataclasses import dataclass
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg

from stack.environment import base_environment
from stack.errors import StackError
from stack.postgres import EmbeddedPostgres
from stack.rundir import ROOT, RunDir

OWNER = "ringfence_stack_owner"
APPLICATION_ROLES = ("ringfence_api", "ringfence_platform", "ringfence_service")
MIGRATION_TIMEOUT = 120.0


@dataclass(frozen=True)
class Database:
    """One database: as its ordinary owner reaches it, and as a superuser does."""

    name: str
    url: str
    superuser_url: str


class DatabaseServer:
    """A PostgreSQL server with room for many databases. `own` is the server when it is ours."""

    def __init__(self, admin_url: str, own: EmbeddedPostgres | None = None) -> None:
        self.admin_url = admin_url
        self.own = own
        self._word = secrets.token_hex(3)
        self._made = 0
        self._owner_url: str | None = None
        self._template: Database | None = None
        self._preparing = asyncio.Lock()

    @classmethod
    async def open(cls, run: RunDir, url: str | None = None) -> "DatabaseServer":
        """The server at `url`, else a new one of our own in `run`'s folder."""
        if url:
            return cls(url)
        own = EmbeddedPostgres(run)
        try:
            await own.start()
        except BaseException:
            await own.close()
            raise
        return cls(own.address.url(), own)

    async def new_database(self, *, migrated: bool = True) -> Database:
        """A fresh database, with the newest schema or with nothing in it."""
        async with self._preparing:
            if migrated and self._template is None:
                self._template = await self._migrated_template()
        self._made += 1
        source = self._template.name if migrated and self._template else "template0"
        return await self._create(f"ringfence_{self._word}_{self._made}", source)

    async def drop(self, database: Database) -> None:
        """Remove it, and cut off whoever is still in it."""
        await self._run(f"DROP DATABASE IF EXISTS {database.name} WITH (FORCE)")

    async def close(self) -> None:
        """End our own server; on somebody else's, remove the template."""
        if self.own is not None:
            await self.own.close()
        elif self._template is not None:
            await self.drop(self._template)

    async def _migrated_template(self) -> Database:
        template = await self._create(f"ringfence_{self._word}_template", "template0")
        try:
            await migrate(template.url)
        except BaseException:
            await self.drop(template)
            raise
        return template

    async def _create(self, name: str, template: str) -> Database:
        owner_url = self._owner_url = self._owner_url or await self._prepare_owner()
        owner = quote_name(urlsplit(owner_url).username or "")
        await self._run(f"CREATE DATABASE {name} TEMPLATE {template} OWNER {owner}")
        return Database(name, _with_database(owner_url, name), _with_database(self.admin_url, name))

    async def _prepare_owner(self) -> str:
        """Our ordinary role's URL; the given user's own where he may not make roles with every right."""
        connection = await asyncpg.connect(self.admin_url)
        try:
            if not await connection.fetchval("SELECT rolsuper FROM pg_roles WHERE rolname = current_user"):
                return self.admin_url
            # Derived, not random: two runs at once on one server use the same role.
            password = hashlib.sha256(f"{OWNER} {self.admin_url}".encode()).hexdigest()
            await connection.execute(_MAKE_OWNER.format(owner=OWNER, password=password))
            for role in APPLICATION_ROLES:
                if await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role):
                    await connection.execute(f"GRANT {role} TO {OWNER} WITH ADMIN OPTION")
        finally:
            await connection.close()
        return _with_user(self.admin_url, OWNER, password)

    async def _run(self, statement: str) -> None:
        connection = await asyncpg.connect(self.admin_url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


_MAKE_OWNER = """
DO $$ BEGIN
    CREATE ROLE {owner} LOGIN NOSUPERUSER CREATEROLE CREATEDB PASSWORD '{password}';
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    ALTER ROLE {owner} LOGIN NOSUPERUSER CREATEROLE CREATEDB PASSWORD '{password}';
END $$
"""


async def migrate(url: str) -> None:
    """Bring a database to the newest schema, as an operator would: `python -m shared.migrations`."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "shared.migrations"),
        cwd=ROOT,
        env={**base_environment(), "DATABASE_URL": url},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), MIGRATION_TIMEOUT)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        raise StackError(f"shared.migrations ended with status {process.returncode}\n{output.decode()}")


def quote_name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _with_database(url: str, database: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{quote(database)}"))


def _with_user(url: str, user: str, password: str) -> str:
    parts = urlsplit(url)
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{quote(user)}:{quote(password)}@{place}"))
