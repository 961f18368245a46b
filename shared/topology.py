"""The exchanges and queues on the broker, and the one place that declares them.

Rules: what stands here never changes (the broker refuses a queue that is declared anew with other arguments), so
limits are set by policy; declared on a connection of its own, because FastStream goes on using whatever channel
declared a queue first and then ignores the prefetch that a subscriber asks for.

With one partition the dispatcher's queue is bound to the events itself; with more, an exchange that hashes the business
stands between the events and a queue for each. Everybody adds what is missing of that, only the holder of partition 0
takes away what is too much, and adds first: while two numbers of partitions are about, a hint may come twice.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Iterator
from itertools import cycle
from typing import Final

import aio_pika
from aiormq.abc import AbstractChannel
from aiormq.exceptions import ConnectionCommandInvalid
from yarl import URL

from shared.errors import BrokerAway
from shared.events import RunCreated, RunStale, SlotReleased
from shared.partition import MOST_PARTITIONS

EVENTS: Final = "ringfence.events"
DISPATCHER: Final = "dispatcher"
DEAD: Final = "ringfence.dead"
DISPATCHER_DEAD: Final = "dispatcher.dead"
ROUTING_KEYS: Final = (RunCreated.routing_key, SlotReleased.routing_key, RunStale.routing_key)

RING: Final = "ringfence.dispatch"
RING_TYPE: Final = "x-consistent-hash"
RING_PLUGIN: Final = "rabbitmq_consistent_hash_exchange"
HASHED: Final = "business_id"
WEIGHT: Final = "1"
AT_A_TIME: Final = 16
"""Queues of partitions that are no more whose bindings are taken away together, a request each."""

QUORUM: Final[dict[str, str | bool]] = {"x-queue-type": "quorum"}
DISPATCHER_ARGUMENTS: Final[dict[str, str | bool]] = {
    **QUORUM,
    "x-single-active-consumer": True,
    "x-dead-letter-exchange": DEAD,
}

HEARTBEAT_SECONDS: Final = 10


def connection_url(amqp_url: str, name: str) -> str:
    """Return the address with our heartbeat (unless it names one) and the connection's name."""
    url = URL(amqp_url)
    defaults = {} if "heartbeat" in url.query else {"heartbeat": str(HEARTBEAT_SECONDS)}
    return str(url.update_query(defaults | {"name": name}))


def queue_of(partition: int) -> str:
    """Return the name of a partition's queue."""
    return f"{DISPATCHER}.{partition}" if partition else DISPATCHER


async def declare_topology(amqp_url: str, timeout: float = 10.0, *, partitions: int = 1, alone: bool = False) -> None:
    """Declare every exchange, queue and binding; doing it again changes nothing.

    `timeout` is in seconds, for all of it. `alone` says that no other number of partitions is to be served, so that
    bindings for others go. Raises TimeoutError, the client library's errors, or BrokerAway where a plugin is missing.
    """
    for library in ("aio_pika", "aiormq"):
        logging.getLogger(library).setLevel(logging.CRITICAL)  # whoever asked tells, in one line
    async with asyncio.timeout(timeout):
        connection = await aio_pika.connect(connection_url(amqp_url, "ringfence topology"), timeout=timeout)
        try:
            channel = await (await connection.channel()).get_underlay_channel()
            await declare(channel, partitions)
            if alone:
                await withdraw(channel, partitions, next(surplus(partitions)))
        finally:
            await connection.close()


async def declare(channel: AbstractChannel, partitions: int) -> None:
    """Add what is missing for so many partitions."""
    await channel.exchange_declare(DEAD, exchange_type="fanout", durable=True)
    await channel.queue_declare(DISPATCHER_DEAD, durable=True, arguments=dict(QUORUM))
    await channel.queue_bind(DISPATCHER_DEAD, DEAD)
    await channel.exchange_declare(EVENTS, exchange_type="topic", durable=True)
    await channel.queue_declare(DISPATCHER, durable=True, arguments=dict(DISPATCHER_ARGUMENTS))
    if partitions > 1:
        await _declare_ring(channel, partitions)
    await feed(channel, partitions)


async def _declare_ring(channel: AbstractChannel, partitions: int) -> None:
    try:
        await channel.exchange_declare(RING, exchange_type=RING_TYPE, durable=True, arguments={"hash-header": HASHED})
    except ConnectionCommandInvalid as error:
        raise BrokerAway(f"DISPATCH_PARTITIONS above 1 needs the RabbitMQ plugin {RING_PLUGIN}") from error
    for number in range(partitions):
        await channel.queue_declare(queue_of(number), durable=True, arguments=dict(DISPATCHER_ARGUMENTS))
        await join_ring(channel, number)


async def join_ring(channel: AbstractChannel, partition: int) -> None:
    """Have a partition's queue get its share of the hints."""
    await channel.queue_bind(queue_of(partition), RING, WEIGHT)


async def feed(channel: AbstractChannel, partitions: int) -> None:
    """Bind what takes the events of so many partitions."""
    for key in ROUTING_KEYS:
        if partitions > 1:
            await channel.exchange_bind(RING, EVENTS, key)
        else:
            await channel.queue_bind(DISPATCHER, EVENTS, key)


def surplus(partitions: int) -> Iterator[range]:
    """Go round the partitions beyond so many, AT_A_TIME of them together, without end."""
    beyond = range(partitions, MOST_PARTITIONS)
    return cycle([beyond[at : at + AT_A_TIME] for at in range(0, len(beyond), AT_A_TIME)] or [beyond])


async def withdraw(channel: AbstractChannel, partitions: int, surplus: Iterable[int]) -> None:
    """Take away what only another number of partitions needs; of the queues beyond so many, those of `surplus`."""
    for key in ROUTING_KEYS:
        if partitions > 1:
            await channel.queue_unbind(DISPATCHER, EVENTS, key)
        else:
            await channel.exchange_unbind(RING, EVENTS, key)
    if partitions > 1:
        for number in surplus:
            await channel.queue_unbind(queue_of(number), RING, WEIGHT)
