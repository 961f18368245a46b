"""Several leases in one database: epochs, fences and doubts of one or of all, and who looks at which business."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import TypeAlias

import asyncpg
import pytest

from shared.partition import Partition
from shared.queries.dispatching import Roster
from tests.integration.campaigns import WORKER, Campaigns, Row
from tests.integration.claims.conftest import Crew

TAKE = "SELECT epoch, previous, trusted FROM ringfence_take_lease($1, '1000 s', $2)"
RENEW = "SELECT ringfence_renew_lease($1, $2, $3)"
BEAT = "SELECT * FROM ringfence_beat($1, $2, $3, $4, $5)"
CLAIM = "SELECT * FROM ringfence_claim($1, $2, $3, 100, '3 s', '15 s', '1 h', NULL, $4)"
FAR = timedelta(hours=1)


async def take(session: Campaigns, partition: int, worker: str = WORKER) -> Row | None:
    rows = await session.rows(TAKE, worker, partition)
    return rows[0] if rows else None


async def taken(session: Campaigns, partition: int) -> int:
    """The epoch of a partition's lease, which is free."""
    lease = await take(session, partition)
    assert lease is not None
    return int(lease["epoch"])


async def claim(session: Campaigns, businesses: Sequence[int], epoch: int, partition: int) -> list[str]:
    """The verdicts of a claim, calls left out."""
    rows = await session.rows(CLAIM, list(businesses), WORKER, epoch, partition)
    return [row["verdict"] for row in rows if row["verdict"] != "claimed"]


async def looked_at(session: Campaigns, epoch: int, share: Partition, overdue: timedelta = FAR) -> set[int]:
    """The businesses that a beat of this partition says could dial."""
    row = (await session.rows(BEAT, WORKER, epoch, share.number, share.of, overdue))[0]
    assert row["held"]
    return set(row["hungry"])


async def businesses(campaigns: Campaigns, count: int) -> list[int]:
    """So many businesses with a run of more leads than they have slots."""
    made = [await campaigns.business(cap=1) for _ in range(count)]
    for business in made:
        await campaigns.run(business, 4)
    return made


async def test_no_epoch_is_given_twice_whatever_the_partition(campaigns: Campaigns, crew: Crew) -> None:
    """With one epoch for two partitions each holder would hand back the other's calls, and they would be rung again."""
    sessions = await crew(4)
    given: list[int] = [campaigns.epoch or 0]
    for _ in range(8):
        leases = await asyncio.gather(*(take(session, 1 + at % 2) for at, session in enumerate(sessions)))
        won = [lease["epoch"] for lease in leases if lease is not None]
        assert len(won) == 2
        assert min(won) > max(given)
        given += won
        await campaigns.connection.execute("UPDATE dispatcher_lease SET holder = NULL WHERE partition > 0")
    assert len(given) == len(set(given))


async def test_an_epoch_is_above_every_other_also_when_the_sequence_fell_behind(campaigns: Campaigns) -> None:
    """As after a restore of the tables alone."""
    await campaigns.connection.execute("UPDATE dispatcher_lease SET epoch = 500")
    assert await taken(campaigns, 1) == 501
    assert await taken(campaigns, 2) == 503, "502 was the one of the row when it was made"


async def test_a_claim_is_fenced_by_the_lease_of_its_own_partition(campaigns: Campaigns) -> None:
    one, other = await businesses(campaigns, 2)
    epoch = await taken(campaigns, 1)
    assert campaigns.epoch is not None
    assert await claim(campaigns, [one], epoch, 0) == ["fenced"]
    assert await claim(campaigns, [one], campaigns.epoch, 1) == ["fenced"]
    assert await claim(campaigns, [one], epoch, 2) == ["fenced"], "a partition that nobody ever held"
    assert await claim(campaigns, [one], epoch, 1) == ["slots"]
    assert await claim(campaigns, [other], campaigns.epoch, 0) == ["slots"]


async def test_of_several_partitions_each_looks_at_its_own_businesses(campaigns: Campaigns) -> None:
    """A business that nobody looks at waits for ever once a hint is lost; one that two look at costs twice."""
    made = await businesses(campaigns, 12)
    assert campaigns.epoch is not None
    epochs = {0: campaigns.epoch, **{number: await taken(campaigns, number) for number in (1, 2)}}
    looks = {number: await looked_at(campaigns, epoch, Partition(number, 3)) for number, epoch in epochs.items()}
    assert looks == {number: {business for business in made if business % 3 == number} for number in range(3)}
    assert await looked_at(campaigns, campaigns.epoch, Partition(0, 1)) == set(made)


async def test_a_business_belongs_to_the_partition_that_claimed_for_it_last(campaigns: Campaigns) -> None:
    """Its hints come there; were another partition to look at it, two would claim for it."""
    (business,) = await businesses(campaigns, 1)
    epochs = {number: await taken(campaigns, number) for number in (1, 2, 3)}
    by_id = business % 4
    there = 2 if by_id != 2 else 3
    await claim(campaigns, [business], epochs[there], there)
    await campaigns.connection.execute("UPDATE businesses SET max_concurrent_calls = 3")
    looks = {number: await looked_at(campaigns, epoch, Partition(number, 4)) for number, epoch in epochs.items()}
    assert [number for number, found in looks.items() if business in found] == [there]
    fewer = await looked_at(campaigns, epochs[1], Partition(1, 2))
    assert (business in fewer) == (business % 2 == 1), "with fewer partitions than that its id decides again"


async def test_the_first_partition_looks_at_what_nobody_beats(campaigns: Campaigns) -> None:
    """While dispatchers differ about the number of partitions a business may be nobody's."""
    made = await businesses(campaigns, 6)
    assert campaigns.epoch is not None
    epoch = await taken(campaigns, 1)
    own = {business for business in made if business % 2 == 0}
    first, second = Partition(0, 2), Partition(1, 2)
    assert await looked_at(campaigns, campaigns.epoch, first) == own
    await looked_at(campaigns, epoch, second)
    await campaigns.connection.execute(
        "UPDATE outbound_call_runs SET last_heartbeat_at = last_heartbeat_at - interval '2 h'"
    )
    assert await looked_at(campaigns, epoch, second) == set(made) - own
    assert await looked_at(campaigns, campaigns.epoch, first) == own
    await campaigns.connection.execute(
        "UPDATE outbound_call_runs SET last_heartbeat_at = NULL, created_at = created_at - interval '2 h'"
    )
    assert await looked_at(campaigns, campaigns.epoch, first) == set(made), "nor forgets a run that nobody ever beat"


async def test_one_lease_that_met_another_database_is_the_doubt_of_all(campaigns: Campaigns) -> None:
    """Lost calls are of any business; a partition that goes on would ring their leads again."""
    (business,) = await businesses(campaigns, 1)
    epoch = await taken(campaigns, 1)
    await campaigns.connection.execute("UPDATE dispatcher_lease SET identity = 'another/00000001' WHERE partition = 0")
    assert await campaigns.connection.fetchval(RENEW, WORKER, epoch, 1) is False
    assert await claim(campaigns, [business], epoch, 1) == ["untrusted"]
    fresh = await take(campaigns, 2)
    assert fresh is not None
    assert fresh["trusted"] is False, "nor is a partition without a past above it"
    assert await campaigns.connection.fetchval("SELECT ringfence_trust_database()") is True
    assert await campaigns.connection.fetchval(RENEW, WORKER, epoch, 1) is True
    assert await claim(campaigns, [business], fresh["epoch"], 2) == ["slots"]


async def test_who_compared_another_database_makes_none_trusted(campaigns: Campaigns) -> None:
    await taken(campaigns, 1)
    await campaigns.connection.execute("UPDATE dispatcher_lease SET identity = 'another/00000001' WHERE partition = 1")
    trust = "SELECT ringfence_trust_database($1)"
    assert await campaigns.connection.fetchval(trust, "another/00000001") is False
    assert await campaigns.connection.fetchval("SELECT ringfence_database_trusted()") is False


Members: TypeAlias = Callable[..., Awaitable[list[asyncpg.Connection]]]


@pytest.fixture
async def members(database_url: str) -> AsyncIterator[Members]:
    """Opens connections as dispatchers of these ordinals name theirs."""
    async with AsyncExitStack() as opened:

        async def connect(*ordinals: str, circle: str = "ringfence-dispatcher-of-4") -> list[asyncpg.Connection]:
            made = []
            for ordinal in ordinals:
                name = {"application_name": f"{circle} {ordinal}"}
                made.append(await asyncpg.connect(database_url, server_settings=name))
                opened.push_async_callback(made[-1].close)
            return made

        yield connect


async def roster(connection: asyncpg.Connection, silence: str = "1000 s") -> Roster:
    row = await connection.fetchrow("SELECT * FROM ringfence_roster(4, $1::text::interval)", silence)
    assert row is not None
    return Roster(tuple(row["members"]), row["me"], frozenset(row["free"]))


def pids(*connections: asyncpg.Connection) -> tuple[int, ...]:
    return tuple(connection.get_server_pid() for connection in connections)


async def test_the_roster_has_the_members_in_the_order_of_their_ordinals(
    campaigns: Campaigns, members: Members
) -> None:
    ten, two, nameless, zero = await members("10", "2", "-", "0")
    await members("1", circle="ringfence-dispatcher-of-8")
    for one in (ten, nameless):
        seen = await roster(one)
        assert seen.members == pids(zero, two, ten, nameless)
        assert seen.me == one.get_server_pid()


async def test_no_name_that_anybody_gives_to_a_connection_ends_the_roster(
    campaigns: Campaigns, members: Members
) -> None:
    """Else no partition were dialled for while somebody's program is called so."""
    (one,) = await members("0")
    await members("99999999999999999999", circle="psql")
    assert (await roster(one)).members == pids(one)


async def test_a_member_that_is_gone_or_silent_is_none(campaigns: Campaigns, members: Members) -> None:
    """Whose partitions were kept for a dead member would be nobody's."""
    one, gone, silent = await members("0", "1", "2")
    assert (await roster(one)).members == pids(one, gone, silent)
    await gone.close()
    async with asyncio.timeout(120):
        while len((await roster(one)).members) == 3:
            await campaigns.connection.execute("SELECT pg_sleep(0.01)")
    await campaigns.connection.execute("SELECT pg_sleep(0.02)")
    assert (await roster(one, "0.01 s")).members == pids(one)


async def test_free_are_the_partitions_whose_lease_may_be_taken(campaigns: Campaigns, members: Members) -> None:
    (one,) = await members("0")
    await taken(campaigns, 2)
    assert (await roster(one)).free == {1, 3}
    await campaigns.connection.execute(
        "UPDATE dispatcher_lease SET renewed_at = now() - interval '2000 s' WHERE partition = 2"
    )
    assert (await roster(one)).free == {1, 2, 3}
