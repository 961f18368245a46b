"""Several dispatchers at work at once, each for its partitions: balanced, whoever dies, comes back or is told another
number of them, and nobody is rung twice over all of it."""

from __future__ import annotations

import signal
from urllib.parse import urlsplit

import asyncpg

from stack.brokers import BrokerServer
from stack.databases import Database
from stack.rabbitmq import private_rabbitmq
from stack.rundir import RunDir
from stack.system import Stack
from tests.acceptance.waiting import eventually
from tests.integration.dispatcher.fleet import PAIR, PATIENCE, SETTINGS, Fleet


async def test_two_dispatchers_share_four_partitions_whoever_came_first(fleet: Fleet) -> None:
    await fleet.open(4)
    await fleet.start("dispatcher2")
    await fleet.holds("dispatcher2", 0, 1, 2, 3)
    await fleet.start("dispatcher")
    await fleet.holds("dispatcher", 0, 2)
    await fleet.holds("dispatcher2", 1, 3)
    sent = [line["partition"] for line in fleet.events("PARTITION_SENT_HOME")]
    assert set(sent) == {0, 2}, "what was at home stayed there"
    campaigns = await fleet.campaigns(24, 4)
    await fleet.over(campaigns)
    started = {name: fleet.events("CALL_STARTED", name) for name in PAIR}
    assert len(started["dispatcher"]) + len(started["dispatcher2"]) == 96
    assert min(map(len, started.values())) > 0, "both dial"
    epochs = [line["epoch"] for line in fleet.events("LEASE_TAKEN")]
    assert len(epochs) == len(set(epochs)), "claims are handed back by their epoch"


async def test_a_killed_dispatchers_partitions_are_taken_over_and_go_home_when_it_is_back(fleet: Fleet) -> None:
    await fleet.share_four()
    campaigns = await fleet.campaigns(12, 12)
    await fleet.dialled(0.2)
    await fleet.stack.kill("dispatcher2", signal.SIGKILL)
    await fleet.holds("dispatcher", 0, 1, 2, 3)
    await fleet.dialled(0.5)
    await fleet.start("dispatcher2")
    await fleet.holds("dispatcher2", 1, 3)
    await fleet.holds("dispatcher", 0, 2)
    await fleet.over(campaigns)


async def test_a_frozen_dispatchers_partitions_are_taken_over_and_thawed_it_gets_them_back(fleet: Fleet) -> None:
    """What it had claimed when it froze is sent late or twice by nobody."""
    fleet.more = {"LEASE_SECONDS": "5"}
    await fleet.share_four()
    campaigns = await fleet.campaigns(12, 12)
    await fleet.dialled(0.2)
    fleet.stack.freeze("dispatcher2")
    try:
        await fleet.holds("dispatcher", 0, 1, 2, 3)
        await fleet.dialled(0.5)
    finally:
        fleet.stack.thaw("dispatcher2")

    async def knows() -> bool:
        return bool(fleet.events("LEASE_LOST", "dispatcher2")) or not fleet.stack.running("dispatcher2")

    await eventually(knows, "the thawed one knows that it holds nothing")
    if not fleet.stack.running("dispatcher2"):  # it was frozen between a deadline's check and the first byte
        await fleet.start("dispatcher2")
    await fleet.holds("dispatcher2", 1, 3)
    await fleet.holds("dispatcher", 0, 2)
    await fleet.over(campaigns)


async def test_the_number_of_partitions_changes_while_campaigns_run(
    fleet: Fleet, rabbitmq_server: BrokerServer
) -> None:
    await fleet.open(2)
    await fleet.start(*PAIR)
    await fleet.holds("dispatcher", 0)
    await fleet.holds("dispatcher2", 1)
    campaigns = await fleet.campaigns(10, 20)
    await fleet.dialled(0.1)
    await fleet.roll(4)
    await fleet.holds("dispatcher", 0, 2)
    await fleet.holds("dispatcher2", 1, 3)
    assert await bindings(fleet, rabbitmq_server) == {
        ("ringfence.events", "ringfence.dispatch"),
        *(("ringfence.dispatch", queue) for queue in ("dispatcher", "dispatcher.1", "dispatcher.2", "dispatcher.3")),
    }
    campaigns += await fleet.campaigns(6, 10)
    await fleet.roll(1)

    async def undivided() -> bool:
        return ("ringfence.events", "dispatcher") in (found := await bindings(fleet, rabbitmq_server)) and (
            "ringfence.events",
            "ringfence.dispatch",
        ) not in found

    await eventually(undivided, "the one queue gets every event", timeout=PATIENCE)
    campaigns += await fleet.campaigns(2, 4)
    await fleet.over(campaigns)


async def bindings(fleet: Fleet, server: BrokerServer) -> set[tuple[str, str]]:
    """What passes hints on to what."""
    assert server.management is not None
    vhost = urlsplit(fleet.stack.amqp_url).path.removeprefix("/")
    found = {(one["source"], one["destination"]) for one in await server.management.bindings(vhost)}
    return {(source, to) for source, to in found if source in ("ringfence.events", "ringfence.dispatch")}


async def test_without_the_brokers_plugin_a_dispatcher_says_so_and_dials_by_beats(
    database: Database, run_dir: RunDir
) -> None:
    """A setting that asks too much of the broker must not stop every campaign."""
    node = private_rabbitmq(run_dir, "rabbitmq-unplugged", plugins=())
    try:
        await node.start()
        async with (
            Stack((), SETTINGS, database_url=database.url, amqp_url=node.url(), name="without-the-plugin") as stack,
            asyncpg.create_pool(database.url, min_size=1, max_size=2) as pool,
        ):
            fleet = Fleet(stack, pool)
            await fleet.open(2)
            await fleet.start("dispatcher", until="/healthz")
            await fleet.over(await fleet.campaigns(4, 3))
            away = fleet.events("DEPENDENCY_AWAY", "dispatcher")
            assert [(line["dependency"], "rabbitmq_consistent_hash_exchange" in line["reason"]) for line in away] == [
                ("broker", True)
            ]
            assert not await stack.service("dispatcher").answers("/readyz")
            assert {line["consumer_source"] for line in fleet.events("CALL_STARTED")} <= {"takeover", "heartbeat"}
    finally:
        await node.close()


async def test_two_dispatchers_keep_the_shared_accounts_rate(fleet: Fleet) -> None:
    """The provider refuses what comes faster than the account may dial, whoever's partition it is."""
    rate = 10.0
    await fleet.share_four()
    await fleet.pool.execute("UPDATE accounts SET calls_per_second = $1 WHERE is_shared", rate)
    campaigns = await fleet.campaigns(12, 5)
    await fleet.over(campaigns)
    rows = await fleet.pool.fetch("SELECT created_at FROM calls ORDER BY created_at")
    moments = [row["created_at"] for row in rows]
    assert len(moments) == 60
    for first, began in enumerate(moments):
        for last in range(first, len(moments)):
            allowed = rate * ((moments[last] - began).total_seconds() + 0.02) + 1
            assert last - first + 1 <= allowed + 0.001
    assert min(len(fleet.events("CALL_STARTED", name)) for name in PAIR) > 0, "both dial"
