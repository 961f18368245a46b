"""Who may dial: the lease, its fence, its database, and the beat that goes with it."""

import asyncio
from collections.abc import Sequence

from tests.integration.campaigns import WORKER, Campaigns, Row
from tests.integration.claims.conftest import Crew
from tests.integration.claims.parts import claim_all, ended, verdict

TAKE = "SELECT epoch, previous, trusted FROM ringfence_take_lease($1, $2::text::interval)"
RENEW = "SELECT ringfence_renew_lease($1, $2)"
BEAT = "SELECT * FROM ringfence_beat($1, $2)"
OTHER = "tests:2"


async def _take(session: Campaigns, worker: str, silence: str = "1000 s") -> Row | None:
    rows = await session.rows(TAKE, worker, silence)
    return rows[0] if rows else None


async def _beat(campaigns: Campaigns, worker: str = WORKER, epoch: int | None = None) -> Row:
    return (await campaigns.rows(BEAT, worker, campaigns.epoch if epoch is None else epoch))[0]


async def test_a_lease_is_taken_only_from_the_silent(campaigns: Campaigns, crew: Crew) -> None:
    (successor,) = await crew(1)
    assert await _take(successor, OTHER) is None
    await campaigns.connection.execute("UPDATE dispatcher_lease SET renewed_at = renewed_at - interval '600 s'")
    assert await _take(successor, OTHER) is None
    await campaigns.connection.execute("UPDATE dispatcher_lease SET renewed_at = renewed_at - interval '500 s'")
    taken = await _take(successor, OTHER)
    assert taken is not None
    assert (taken["epoch"], taken["previous"], taken["trusted"]) == ((campaigns.epoch or 0) + 1, WORKER, True)


async def test_a_lease_is_taken_at_once_when_its_connection_is_gone(campaigns: Campaigns, crew: Crew) -> None:
    """A dispatcher that was killed must not cost its businesses LEASE_SECONDS."""
    holder, successor = await crew(2)
    await campaigns.connection.execute("UPDATE dispatcher_lease SET holder = NULL")
    assert await _take(holder, WORKER) is not None
    assert await _take(successor, OTHER) is None
    await holder.connection.close()
    async with asyncio.timeout(120):
        while await _take(successor, OTHER) is None:
            await successor.connection.execute("SELECT pg_sleep(0.01)")


async def test_a_holder_that_reconnects_is_watched_by_its_new_connection(campaigns: Campaigns, crew: Crew) -> None:
    first, second, rival = await crew(3)
    await campaigns.connection.execute("UPDATE dispatcher_lease SET holder = NULL")
    taken = await _take(first, WORKER)
    assert taken is not None
    assert await second.connection.fetchval(RENEW, WORKER, taken["epoch"]) is True
    pid = first.connection.get_server_pid()
    await first.connection.close()
    async with asyncio.timeout(120):
        while await campaigns.connection.fetchval("SELECT 1 FROM pg_stat_activity WHERE pid = $1", pid):
            await campaigns.connection.execute("SELECT pg_sleep(0.01)")
    assert await _take(rival, OTHER) is None


async def test_of_two_that_take_at_once_one_gets_it(campaigns: Campaigns, crew: Crew) -> None:
    """Two holders of one epoch are two dispatchers."""
    sessions = await crew(4)
    for _ in range(30):
        await campaigns.connection.execute("UPDATE dispatcher_lease SET holder = NULL")
        before = await campaigns.connection.fetchval("SELECT epoch FROM dispatcher_lease")
        takes = await asyncio.gather(*(_take(session, f"tests:{at}") for at, session in enumerate(sessions)))
        won = [take for take in takes if take is not None]
        assert [take["epoch"] for take in won] == [before + 1]


async def test_a_deposed_holder_claims_beats_and_renews_nothing(campaigns: Campaigns, crew: Crew) -> None:
    business = await campaigns.business()
    run = await campaigns.run(business, 2)
    (successor,) = await crew(1)
    taken = await _take(successor, OTHER, "0 s")
    assert taken is not None
    assert await verdict(campaigns, business) == "fenced"
    assert await campaigns.connection.fetchval(RENEW, WORKER, campaigns.epoch) is None
    beat = await _beat(campaigns)
    assert (beat["held"], beat["hungry"], beat["adopted_runs"]) == (False, [], [])
    row = await campaigns.run_row(run)
    assert (row["locked_by_worker"], row["last_heartbeat_at"]) == (None, None)
    # the same name in a new life has an epoch of its own
    assert (await campaigns.rows(BEAT, OTHER, campaigns.epoch))[0]["held"] is False


async def test_another_database_is_not_trusted_until_somebody_says_so(campaigns: Campaigns, crew: Crew) -> None:
    """After a failover or a restore calls may be missing here that the provider is carrying out."""
    business = await campaigns.business()
    await campaigns.run(business, 5)
    await campaigns.connection.execute("UPDATE dispatcher_lease SET identity = '6999999999999999999/00000001'")
    assert await verdict(campaigns, business) == "untrusted"
    assert await campaigns.connection.fetchval(RENEW, WORKER, campaigns.epoch) is False
    (successor,) = await crew(1)
    taken = await _take(successor, OTHER, "0 s")
    assert taken is not None
    assert taken["trusted"] is False
    rows = await campaigns.rows(
        "SELECT * FROM ringfence_claim($1, $2, $3, 5, '3 s', '15 s', '1 h', NULL)", [business], OTHER, taken["epoch"]
    )
    assert [row["verdict"] for row in rows] == ["untrusted"]
    assert await campaigns.connection.fetchval("SELECT count(*) FROM calls") == 0
    await campaigns.connection.execute("SELECT ringfence_trust_database()")
    assert await campaigns.connection.fetchval(RENEW, OTHER, taken["epoch"]) is True
    successor.epoch = taken["epoch"]
    claim = "SELECT verdict FROM ringfence_claim($1, $2, $3, 5, '3 s', '15 s', '1 h', NULL)"
    assert "claimed" in {row["verdict"] for row in await campaigns.rows(claim, [business], OTHER, taken["epoch"])}


async def test_a_beat_takes_over_every_active_run_and_leaves_the_ended_alone(campaigns: Campaigns) -> None:
    """A beat that brings an ended run back makes a campaign of the past look alive for ever."""
    business = await campaigns.business(cap=1)
    over = await campaigns.run(business, 1)
    for call in await campaigns.claim(business):
        await ended(campaigns, call)
    pending, running = await campaigns.run(business, 1), await campaigns.run(business, 2)
    await campaigns.connection.execute(
        "UPDATE outbound_call_runs SET nudged_at = now(), last_nudge_at = now(), locked_by_worker = 'gone:1'"
        " WHERE ended_at IS NULL"
    )
    before = await campaigns.run_row(over)
    first, second = await _beat(campaigns), await _beat(campaigns)
    assert set(first["adopted_runs"]) == {pending, running}
    assert first["adopted_businesses"] == [business, business]
    assert second["adopted_runs"] == []
    for run in (pending, running):
        row = await campaigns.run_row(run)
        assert (row["locked_by_worker"], row["nudged_at"], row["last_nudge_at"]) == (WORKER, None, None)
        assert row["last_heartbeat_at"] is not None
        assert row["lock_ts"] is not None
    assert await campaigns.run_row(over) == before


async def _hungry(campaigns: Campaigns) -> Sequence[int]:
    return sorted((await _beat(campaigns))["hungry"])


async def test_hungry_are_those_with_a_queued_job_and_a_free_slot(campaigns: Campaigns) -> None:
    """A business left out waits for a hint that may be lost; one named for nothing is claimed for at every beat."""
    full, hungry, done, cancelled = [await campaigns.business(cap=2) for _ in range(4)]
    runs = {business: await campaigns.run(business, 4) for business in (full, hungry, cancelled)}
    assert await _hungry(campaigns) == [full, hungry, cancelled]
    calls = await campaigns.claim_so_many(full, 2)
    await campaigns.connection.execute("SELECT * FROM ringfence_cancel_run($1, $2)", cancelled, runs[cancelled])
    await campaigns.run(done, 1)
    await campaigns.claim_so_many(done, 1)
    assert await _hungry(campaigns) == [hungry]
    await ended(campaigns, calls[0])
    assert await _hungry(campaigns) == [full, hungry]


async def test_a_run_that_somebody_holds_is_beaten_next_time(campaigns: Campaigns, crew: Crew) -> None:
    """A beat that waits for one run is late for all."""
    business = await campaigns.business()
    held, free = [await campaigns.run(business, 1) for _ in range(2)]
    frozen, beating = await crew(2)
    await beating.connection.execute("SET lock_timeout = '1ms'")
    async with frozen.connection.transaction():
        await frozen.connection.execute("SELECT 1 FROM outbound_call_runs WHERE id = $1 FOR NO KEY UPDATE", held)
        assert (await _beat(beating))["adopted_runs"] == [free]
    assert (await _beat(beating))["adopted_runs"] == [held]


async def test_claims_by_an_older_look_are_adopted_by_the_claim_itself(campaigns: Campaigns) -> None:
    business = await campaigns.business(cap=2)
    await campaigns.run(business, 5)
    assert [row["adopted"] for row in (await claim_all(campaigns, [business], 2))[:2]] == [True, True]
    await campaigns.connection.execute("DELETE FROM calls")
    assert not any(row["adopted"] for row in await claim_all(campaigns, [business], 2) if row["call_id"])
