"""The exchanges and queues on the broker, and the one place that declares them.

Rules: what stands here never changes (the broker refuses a queue that is declared anew with other arguments), so
limits are set by policy; declared on a connection of its own, because FastStream goes on using whatever channel
declared a queue first and then ignores the prefetch that a subscriber asks for.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

import aio_pika
from aio_pika.abc import AbstractChannel
from yarl import URL

from shared.events import RunCreated, RunStale, SlotReleased

EVENTS: Final = "ringfence.events"
DISPATCHER: Final = "dispatcher"
DEAD: Final = "ringfence.dead"
DISPATCHER_DEAD: Final = "dispatcher.dead"
ROUTING_KEYS: Final = (RunCreated.routing_key, SlotReleased.routing_key, RunStale.routing_key)

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


async def declare_topology(amqp_url: str, timeout: float = 10.0) -> None:
    """Declare every exchange, queue and binding; doing it again changes nothing.

    `timeout` is in seconds, for all of it. Raises TimeoutError and the client library's errors.
    """
    for library in ("aio_pika", "aiormq"):
        logging.getLogger(library).setLevel(logging.CRITICAL)  # whoever asked tells, in one line
    async with asyncio.timeout(timeout):
        connection = await aio_pika.connect(connection_url(amqp_url, "ringfence topology"), timeout=timeout)
        try:
            await _declare(await connection.channel())
        finally:
            await connection.close()


async def _declare(channel: AbstractChannel) -> None:
    dead = await channel.declare_exchange(DEAD, aio_pika.ExchangeType.FANOUT, durable=True)
    graveyard = await channel.declare_queue(DISPATCHER_DEAD, durable=True, arguments=dict(QUORUM))
    await graveyard.bind(dead)
    events = await channel.declare_exchange(EVENTS, aio_pika.ExchangeType.TOPIC, durable=True)
    queue = await channel.declare_queue(DISPATCHER, durable=True, arguments=dict(DISPATCHER_ARGUMENTS))
    for key in ROUTING_KEYS:
        await queue.bind(events, key)
