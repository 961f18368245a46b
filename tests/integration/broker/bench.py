"""What the broker's tests share: a raw channel, a note-taking handler, and polling."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Self

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage
from yarl import URL

from shared import topology
from shared.events import Event, RunCreated
from stack.brokers import BrokerServer

LONG = 120.0


async def until(holds: Callable[[], object], what: str, timeout: float = LONG) -> None:
    """Wait until something holds; fail, naming it, when it does not within `timeout` seconds."""
    try:
        async with asyncio.timeout(timeout):
            while not holds():  # noqa: ASYNC110 - what is watched sets no event
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"not within {timeout:g} s: {what}") from None


def vhost(amqp_url: str) -> str:
    """The virtual host's name, as the management API wants it."""
    return URL(amqp_url).path.removeprefix("/")


async def until_connections(server: BrokerServer, amqp_url: str, count: int) -> None:
    """Wait until so many connections to a virtual host are open."""
    assert server.management is not None, "AMQP_URL names a broker whose management API is out of reach"
    async with asyncio.timeout(LONG):
        while len(await server.management.connections(vhost(amqp_url))) != count:  # noqa: ASYNC110 - over HTTP
            await asyncio.sleep(0.2)


class Notes:
    """A handler that writes down what it was given."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    async def take(self, event: Event) -> None:
        self.events.append(event)

    async def until(self, *expected: Event) -> None:
        """Wait until these events were given, each at least once."""
        await until(lambda: set(expected) <= set(self.events), f"{expected} noted, got {self.events}")


class Gate(Notes):
    """A handler that holds everybody until it is opened."""

    def __init__(self) -> None:
        super().__init__()
        self.inside = 0
        self.most_inside = 0
        self._open = asyncio.Event()

    def open(self) -> Self:
        self._open.set()
        return self

    async def take(self, event: Event) -> None:
        self.inside += 1
        self.most_inside = max(self.most_inside, self.inside)
        try:
            await self._open.wait()
            await super().take(event)
        finally:
            self.inside -= 1


class Raw:
    """The broker without any of our code."""

    def __init__(self, channel: AbstractChannel) -> None:
        self._channel = channel

    async def send(self, body: bytes, key: str = RunCreated.routing_key, message_id: str | None = None) -> None:
        exchange = await self._channel.get_exchange(topology.EVENTS, ensure=False)
        await exchange.publish(aio_pika.Message(body, message_id=message_id), key)

    async def send_to_queue(self, body: bytes, message_id: str) -> None:
        message = aio_pika.Message(body, message_id=message_id)
        await self._channel.default_exchange.publish(message, topology.DISPATCHER)

    async def ready(self, queue: str = topology.DISPATCHER) -> int:
        """How many messages wait in a queue, those in a consumer's hands not counted."""
        found = await self._channel.declare_queue(queue, passive=True)
        return found.declaration_result.message_count or 0

    async def until_ready(self, count: int, queue: str = topology.DISPATCHER) -> None:
        async with asyncio.timeout(LONG):
            while await self.ready(queue) != count:  # noqa: ASYNC110 - it is asked over the network
                await asyncio.sleep(0.02)

    async def dead_bodies(self) -> list[bytes]:
        """Take and return everything in the dead-letter queue."""
        queue = await self._channel.declare_queue(topology.DISPATCHER_DEAD, passive=True)
        bodies = []
        while (message := await queue.get(no_ack=True, fail=False)) is not None:
            bodies.append(message.body)
        return bodies

    async def delete_queue(self, queue: str = topology.DISPATCHER) -> None:
        await self._channel.queue_delete(queue)

    async def delete_exchange(self) -> None:
        await self._channel.exchange_delete(topology.EVENTS)

    async def take_one(self) -> AbstractIncomingMessage:
        """Take one message from the dispatcher's queue, as its only consumer."""
        queue = await self._channel.declare_queue(topology.DISPATCHER, passive=True)
        async with asyncio.timeout(LONG):
            async with queue.iterator(no_ack=True) as messages:
                return await anext(messages)


@asynccontextmanager
async def raw_broker(amqp_url: str) -> AsyncIterator[Raw]:
    """A raw channel to a broker on which everything is declared."""
    await topology.declare_topology(amqp_url)
    connection = await aio_pika.connect(amqp_url)
    async with connection:
        yield Raw(await connection.channel())
