"""Messages that nobody can read, published like hints."""

from __future__ import annotations

import logging
import random

import aio_pika
import aiormq

from chaos.stage import Stage

MEAN = 10.0
BODY = b"not a hint"
TIMEOUT = 10.0


class Babbler:
    """Publishes one now and then; what does not get through while the broker is away is no matter."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    async def play(self) -> None:
        logging.getLogger("aiormq").setLevel(logging.CRITICAL)  # a broker that is away is told of by our counts
        await self._stage.now_and_then("babble", MEAN, self._babble)

    async def _babble(self, _chance: random.Random) -> None:
        try:
            connection = await aio_pika.connect(self._stage.stack.amqp_url, timeout=TIMEOUT)
            async with connection:
                exchange = await (await connection.channel()).get_exchange("ringfence.events")
                await exchange.publish(aio_pika.Message(BODY), "run.created", timeout=TIMEOUT)
        except (OSError, TimeoutError, aiormq.exceptions.AMQPError):
            self._stage.notes.count("babble_lost")
        else:
            self._stage.notes.count("babble")
