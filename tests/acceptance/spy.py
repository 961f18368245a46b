"""A queue of the test's own that hears what the services tell one another."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aio_pika
import orjson
from aio_pika.abc import AbstractQueue

from tests.acceptance.waiting import eventually


@dataclass(frozen=True)
class Message:
    """One message as it was published."""

    routing_key: str
    body: bytes
    headers: str

    @property
    def json(self) -> dict[str, Any]:
        return dict(orjson.loads(self.body))


class Spy:
    """Everything that was published since it began to listen."""

    def __init__(self, queue: AbstractQueue) -> None:
        self._queue = queue
        self._heard: list[Message] = []

    async def heard(self) -> list[Message]:
        while message := await self._queue.get(no_ack=True, fail=False):
            self._heard.append(Message(message.routing_key or "", message.body, repr(message.properties)))
        return self._heard

    async def told(self, routing_key: str, **fields: Any) -> dict[str, Any]:
        """The body of the first message of this key with these fields, awaited."""

        async def look() -> dict[str, Any] | None:
            bodies = (message.json for message in await self.heard() if message.routing_key == routing_key)
            return next((body for body in bodies if fields.items() <= body.items()), None)

        return await eventually(look, f"a message {routing_key} with {fields}")


@asynccontextmanager
async def listening(amqp_url: str) -> AsyncIterator[Spy]:
    """A spy on this broker, gone with the block."""
    async with await aio_pika.connect(amqp_url) as connection:
        channel = await connection.channel()
        exchange = await channel.get_exchange("ringfence.events")
        queue = await channel.declare_queue(exclusive=True)
        await queue.bind(exchange, "#")
        yield Spy(queue)
