"""What the catalog says: roles that own nothing, policies that bind everybody, beats that touch no index."""

import asyncpg

from shared.migrations.roles import ROLES
from tests.integration.campaigns import WORKER, Campaigns

ISOLATED = ("businesses", "leads", "outbound_call_runs", "outbound_call_jobs", "calls", "call_events")

# Columns that an index has as a key, in an expression or in its predicate: an update of one makes an index entry.
INDEXED = """
    SELECT DISTINCT a.attname FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum > 0
    WHERE i.indrelid = 'outbound_call_runs'::regclass
      AND (a.attnum = ANY (i.indkey) OR pg_get_indexdef(i.indexrelid) ~ ('\\m' || a.attname || '\\M'))
"""


async def test_nothing_that_a_beat_changes_is_indexed(connection: asyncpg.Connection) -> None:
    """With such an index each beat writes a new entry for each run: four times the time and the WAL."""
    indexed = {row["attname"] for row in await connection.fetch(INDEXED)}
    beaten = {"last_heartbeat_at", "lock_ts", "locked_by_worker", "nudged_at", "last_nudge_at", "updated_at"}
    assert {"business_id", "ended_at"} <= indexed
    assert not indexed & beaten


async def test_a_beat_is_a_heap_only_update(campaigns: Campaigns) -> None:
    """A beat that is none of these grows the table and its indexes with every interval."""
    await campaigns.account(shared=True)
    business = await campaigns.business()
    for _ in range(20):
        await campaigns.run(business, 1)
    await campaigns.claim()
    for _ in range(5):
        await campaigns.connection.execute("SELECT * FROM ringfence_beat($1, $2)", WORKER, campaigns.epoch)
    await campaigns.connection.execute("SELECT pg_stat_force_next_flush()")
    stats = await campaigns.rows("SELECT * FROM pg_stat_user_tables WHERE relname = 'outbound_call_runs'")
    starts, beats = 20, 100
    assert stats[0]["n_tup_upd"] == starts + beats
    assert stats[0]["n_tup_hot_upd"] == starts + beats


async def test_the_roles_own_nothing_and_cannot_log_in(connection: asyncpg.Connection) -> None:
    """An owner is not bound by policies that are not forced, and may drop those that are."""
    owned = """SELECT relname FROM pg_class WHERE pg_get_userbyid(relowner) = ANY ($1)
               UNION ALL SELECT proname FROM pg_proc WHERE pg_get_userbyid(proowner) = ANY ($1)
               UNION ALL SELECT nspname FROM pg_namespace WHERE pg_get_userbyid(nspowner) = ANY ($1)
               UNION ALL SELECT datname FROM pg_database WHERE pg_get_userbyid(datdba) = ANY ($1)"""
    assert not await connection.fetch(owned, list(ROLES))
    rights = "SELECT rolname FROM pg_roles WHERE rolname = ANY ($1) AND (rolcanlogin OR rolsuper OR rolbypassrls)"
    assert not await connection.fetch(rights, list(ROLES))


async def test_policies_are_forced(connection: asyncpg.Connection) -> None:
    """Unforced, a process that connects as the owner and forgets its role reads everybody's rows."""
    guarded = "SELECT relname FROM pg_class WHERE relrowsecurity AND relforcerowsecurity AND relname = ANY ($1)"
    assert {row["relname"] for row in await connection.fetch(guarded, list(ISOLATED))} == set(ISOLATED)


async def test_the_api_sees_nothing_of_anybody_it_has_not_named(campaigns: Campaigns) -> None:
    """A statement that forgets its filter must come back empty, not with another business's people."""
    await campaigns.account(shared=True)
    owners = [await campaigns.business() for _ in range(2)]
    for owner in owners:
        await campaigns.run(owner, 1)
        call = (await campaigns.claim(owner))[0]
        await campaigns.connection.execute(
            "INSERT INTO call_events (business_id, call_id, call_sid, event, fields) VALUES ($1, $2, 'CA1', 'e', '{}')",
            owner,
            call["call_id"],
        )
    for table in ISOLATED:
        column = "id" if table == "businesses" else "business_id"
        async with campaigns.connection.transaction():
            await campaigns.connection.execute("SET LOCAL ROLE ringfence_api")
            assert await campaigns.connection.fetchval(f"SELECT count(*) FROM {table}") == 0
            await campaigns.connection.execute("SELECT set_config('ringfence.business_id', $1, true)", str(owners[0]))
            assert {row[column] for row in await campaigns.connection.fetch(f"SELECT * FROM {table}")} == {owners[0]}
            if table != "call_events":  # nobody may change those
                change = f"UPDATE {table} SET {column} = {column} WHERE {column} = $1"
                assert await campaigns.connection.execute(change, owners[1]) == "UPDATE 0"


async def test_whose_a_run_is_crosses_businesses_and_nothing_else_does(campaigns: Campaigns) -> None:
    """A force-cancel of somebody else's run is a 403 with its owner in the log, so the owner must be known."""
    await campaigns.account(shared=True)
    owners = [await campaigns.business() for _ in range(2)]
    theirs = await campaigns.run(owners[1], 1)
    async with campaigns.connection.transaction():
        await campaigns.connection.execute("SET LOCAL ROLE ringfence_api")
        await campaigns.connection.execute("SELECT set_config('ringfence.business_id', $1, true)", str(owners[0]))
        assert await campaigns.connection.fetchval("SELECT run_owner($1)", theirs) == owners[1]
        assert await campaigns.connection.fetchval("SELECT run_owner($1)", theirs + 1000) is None
    definers = "SELECT proname FROM pg_proc WHERE prosecdef AND pronamespace = 'public'::regnamespace"
    assert [row["proname"] for row in await campaigns.rows(definers)] == ["run_owner"]
