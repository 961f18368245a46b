"""Migrating as operators do it: on nothing, twice, two at once, behind a lock, with more rights and with fewer."""

import asyncio
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
from alembic import command
from sqlalchemy import text

from shared.errors import DatabaseBusy, MigrationFailed
from shared.migrations import upgrade as upgrading
from shared.migrations.engine import make_engine
from shared.migrations.upgrade import known_revisions, upgrade
from stack.databases import DatabaseServer
from tests.integration.schema.dump import TABLES, dump
from tests.integration.schema.old_system import FULL

FIRST = "0001"


async def test_an_empty_database_is_brought_to_the_newest_schema_and_stays_so(empty_database_url: str) -> None:
    newest, _ = known_revisions()
    assert await upgrade(empty_database_url) == newest
    before = await dump(empty_database_url)
    assert await upgrade(empty_database_url) == newest
    assert await dump(empty_database_url) == before


async def test_after_the_first_schema_every_epoch_is_higher_than_those_it_gave(empty_database_url: str) -> None:
    """An epoch that is given again hands back the calls of its first holder, who may be dialling them."""
    engine = make_engine(empty_database_url, name="first-schema")
    async with engine.begin() as connection:
        await connection.run_sync(lambda sync: command.upgrade(upgrading._config(sync), FIRST))
        await connection.execute(text("UPDATE dispatcher_lease SET epoch = 41"))
    await engine.dispose()
    await upgrade(empty_database_url)
    asker = await asyncpg.connect(empty_database_url)
    try:
        take = "SELECT epoch FROM ringfence_take_lease('new:1', '1000 s', $1)"
        epochs = [await asker.fetchval(take, partition) for partition in (0, 1)]
        assert 41 < epochs[0] < epochs[1]
    finally:
        await asker.close()


async def test_of_two_migrators_at_once_one_finds_the_work_done(empty_database_url: str) -> None:
    newest, _ = known_revisions()
    connection = await asyncpg.connect(empty_database_url)
    try:
        await connection.execute(FULL)
        assert await asyncio.gather(*(upgrade(empty_database_url) for _ in range(3))) == [newest] * 3
        assert await connection.fetchval("SELECT count(*) FROM outbound_call_runs") == 6
    finally:
        await connection.close()


async def test_a_migrator_without_its_lock_leaves_everything_and_may_come_again(
    empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upgrading, "LOCK_SECONDS", 0.2)
    holder = await asyncpg.connect(empty_database_url)
    try:
        await holder.execute(FULL)
        before = await dump(empty_database_url)
        async with holder.transaction():
            await holder.execute("LOCK TABLE outbound_call_jobs IN ACCESS SHARE MODE")
            with pytest.raises(DatabaseBusy):
                await upgrade(empty_database_url)
        assert await dump(empty_database_url) == before
        await upgrade(empty_database_url)
        assert await holder.fetchval("SELECT count(*) FROM outbound_call_runs") == 6
    finally:
        await holder.close()


async def test_a_second_migrator_gives_up_when_the_first_one_hangs(
    empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upgrading, "LOCK_SECONDS", 0.2)
    first = await asyncpg.connect(empty_database_url)
    try:
        async with first.transaction():
            await first.execute("SELECT pg_advisory_xact_lock($1)", upgrading.LOCK)
            with pytest.raises(DatabaseBusy):
                await upgrade(empty_database_url)
        assert not await first.fetch(TABLES)
    finally:
        await first.close()


async def test_a_superuser_migrates_as_well(postgres_server: DatabaseServer) -> None:
    fresh = await postgres_server.new_database(migrated=False)
    try:
        await upgrade(fresh.superuser_url)
        before = await dump(fresh.superuser_url)
        await upgrade(fresh.superuser_url)
        assert await dump(fresh.superuser_url) == before
    finally:
        await postgres_server.drop(fresh)


async def test_a_user_who_may_not_create_tables_is_told_in_one_line(postgres_server: DatabaseServer) -> None:
    """A refusal must leave nothing half-done, and name what was refused."""
    fresh = await postgres_server.new_database(migrated=False)
    name = f"{fresh.name}_guest"
    admin = await asyncpg.connect(fresh.superuser_url)
    try:
        await admin.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'guest'")
        parts = urlsplit(fresh.superuser_url)
        guest = urlunsplit(parts._replace(netloc=f"{name}:guest@{parts.netloc.rpartition('@')[2]}"))
        with pytest.raises(MigrationFailed, match="permission denied") as refused:
            await upgrade(guest)
        assert "\n" not in str(refused.value)
        assert not await admin.fetch(TABLES)
    finally:
        await admin.execute(f"DROP ROLE IF EXISTS {name}")
        await admin.close()
        await postgres_server.drop(fresh)


async def test_functions_whose_text_changed_are_replaced(database_url: str) -> None:
    """A function of an older release must not stay beside or instead of the new one."""
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute("UPDATE installed_functions SET digest = 'an older text'")
        await connection.execute("DROP FUNCTION ringfence_has_queued(bigint)")
        await connection.execute(
            "CREATE FUNCTION ringfence_has_queued(a bigint, b text) RETURNS boolean LANGUAGE sql AS 'SELECT true'"
        )
        await upgrade(database_url)
        forms = "SELECT oid::regprocedure::text AS form FROM pg_proc WHERE proname = 'ringfence_has_queued'"
        assert [row["form"] for row in await connection.fetch(forms)] == ["ringfence_has_queued(bigint)"]
        assert await connection.fetchval("SELECT digest FROM installed_functions") != "an older text"
    finally:
        await connection.close()
