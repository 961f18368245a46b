"""Hints spread over the queues of several partitions, while somebody changes their number."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import aio_pika
import pytest

from shared import topology
from shared.broker import Consumer, Publisher
from shared.events import RunCreated
from shared.health import Health
from shared.partition import Partition
from stack.brokers import BrokerServer
from stack.rabbitmq import private_rabbitmq
from stack.rundir import RunDir
from tests.integration.broker.bench import LONG, Notes, Raw, until, vhost

DIRECT = ("ringfence.events", "dispatcher")
RING = ("ringfence.events", "ringfence.dispatch")


async def bindings(server: BrokerServer, amqp_url: str) -> set[tuple[str, str]]:
    """What passes hints on to what."""
    assert server.management is not None
    found = {(one["source"], one["destination"]) for one in await server.management.bindings(vhost(amqp_url))}
    return {(source, to) for source, to in found if source in ("ringfence.events", "ringfence.dispatch")}


def ring(partitions: int) -> set[tuple[str, str]]:
    return {("ringfence.dispatch", topology.queue_of(number)) for number in range(partitions)}


async def until_bound(server: BrokerServer, amqp_url: str, expected: set[tuple[str, str]]) -> None:
    async with asyncio.timeout(LONG):
        while await bindings(server, amqp_url) != expected:  # noqa: ASYNC110 - it is asked over HTTP
            await asyncio.sleep(0.1)


@pytest.fixture
async def publisher(amqp_url: str) -> AsyncIterator[Publisher]:
    """Publishes for four partitions."""
    publisher = Publisher(amqp_url, "test publisher", partitions=4, on_death=pytest.fail)
    await publisher.start()
    yield publisher
    await publisher.stop()


async def counts(amqp_url: str, partitions: int) -> list[int]:
    """How many messages wait in each partition's queue."""
    connection = await aio_pika.connect(amqp_url)
    async with connection:
        raw = Raw(await connection.channel())
        return [await raw.ready(topology.queue_of(number)) for number in range(partitions)]


async def test_every_partition_gets_its_share_and_a_business_always_the_same_queue(
    amqp_url: str, publisher: Publisher
) -> None:
    """Two queues for one business would be two dispatchers that claim for it."""

    async def tell(run_id: int) -> list[int]:
        events = [RunCreated(business_id=at, run_id=run_id) for at in range(1, 401)]
        await asyncio.gather(*(publisher.publish(event, LONG) for event in events))
        return await counts(amqp_url, 4)

    first = await tell(1)
    assert sum(first) == 400
    assert min(first) >= 40
    assert await tell(2) == [2 * count for count in first]


async def test_consumers_take_the_hints_of_their_partitions(amqp_url: str, publisher: Publisher) -> None:
    notes = [Notes() for _ in range(4)]
    consumers = [
        Consumer(amqp_url, f"consumer {at}", {RunCreated: one.take}, share=Partition(at, 4), on_death=pytest.fail)
        for at, one in enumerate(notes)
    ]
    await asyncio.gather(*(consumer.start() for consumer in consumers))
    events = [RunCreated(business_id=at, run_id=1) for at in range(1, 41)]
    await asyncio.gather(*(publisher.publish(event, LONG) for event in events))
    await until(lambda: sum(len(one.events) for one in notes) >= 40, "every hint was taken")
    taken = [set(one.events) for one in notes]
    assert set.union(*taken) == set(events)
    assert sum(map(len, taken)) == 40
    await asyncio.gather(*(consumer.stop() for consumer in consumers))


async def test_the_holder_of_the_first_partition_alone_takes_bindings_away(
    amqp_url: str, rabbitmq_server: BrokerServer
) -> None:
    """Whoever connects with another number adds to what there is: a hint may come twice, none is lost."""

    async def declared(partitions: int, *, alone: bool) -> set[tuple[str, str]]:
        await topology.declare_topology(amqp_url, LONG, partitions=partitions, alone=alone)
        return await bindings(rabbitmq_server, amqp_url)

    assert await declared(1, alone=True) == {DIRECT}
    assert await declared(4, alone=False) == {DIRECT, RING, *ring(4)}
    assert await declared(4, alone=True) == {RING, *ring(4)}
    assert await declared(1, alone=False) == {DIRECT, RING, *ring(4)}
    assert await declared(2, alone=True) == {RING, *ring(2)}
    assert await declared(1, alone=True) == {DIRECT, *ring(2)}


async def test_bindings_for_another_number_that_come_back_go_again(
    amqp_url: str, rabbitmq_server: BrokerServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that is about to end may still connect; its bindings would outlive it, and hints lie unread."""
    monkeypatch.setattr("shared.link.PROBE_EVERY", 0.2)
    consumer = Consumer(amqp_url, "first", {RunCreated: Notes().take}, share=Partition(0, 2), on_death=pytest.fail)
    await consumer.start()
    await until_bound(rabbitmq_server, amqp_url, {RING, *ring(2)})
    for partitions in (64, 1):
        await topology.declare_topology(amqp_url, LONG, partitions=partitions)
        await until_bound(rabbitmq_server, amqp_url, {RING, *ring(2)})
    await consumer.stop()


async def test_a_broker_without_the_plugin_is_away_and_the_reason_names_it(run_dir: RunDir) -> None:
    node = private_rabbitmq(run_dir, "rabbitmq-plain", plugins=())
    try:
        await node.start()
        await topology.declare_topology(node.url(), LONG)
        health = Health(required=(), optional=("broker",))
        told: list[str | None] = []
        health.set("broker", up=True)
        health.set = lambda name, up, reason=None: told.append(reason)  # type: ignore[method-assign]
        publisher = Publisher(node.url(), "test publisher", health, partitions=2, on_death=pytest.fail)
        await publisher.start()
        await until(lambda: told, "the broker is told to be away")
        await publisher.stop()
        assert told[0] == "DISPATCH_PARTITIONS above 1 needs the RabbitMQ plugin rabbitmq_consistent_hash_exchange"
    finally:
        await node.close()
