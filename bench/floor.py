"""The least that a turnaround can take here: the same steps with nothing else in them.

One lap is an HTTP round trip with a callback's body, a commit of one small row, one persistent message through a quorum
queue, confirmed and delivered, a second commit, and a second HTTP round trip: one after the other, by the libraries
that the services use, against the same servers at rest. With a pause before each lap it is what the steps take when
nothing has run for so long: processes have to be woken, and what they read has left the caches.
"""

from __future__ import annotations

import asyncio
import sys
import time

import aio_pika
import aiohttp
import asyncpg

from bench.site import Servers
from stack.environment import base_environment
from stack.ports import free_port
from stack.processes import Child

READY_TIMEOUT = 60.0
BODY = {"CallSid": "CA" + "0" * 32, "CallStatus": "completed", "AccountSid": "AC" + "0" * 32, "Filler": "x" * 600}
MAKE_TABLE = "CREATE TABLE IF NOT EXISTS floor (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, word text)"
ADD_ROW = "INSERT INTO floor (word) VALUES ('x')"


async def floor(servers: Servers, laps: int, *, pause: float = 0.0) -> list[float]:
    """Seconds of each lap; before each one a pause, which is no part of it."""
    database = await servers.databases.new_database(migrated=False)
    vhost = await servers.brokers.new_vhost()
    port = free_port()
    command = [sys.executable, "-m", "bench.echo", str(port)]
    echo = Child("echo", command, env=base_environment(), log=servers.run.log("echo"))
    try:
        echo.start()
        url = f"http://127.0.0.1:{port}/"
        await echo.until(lambda: _answers(url), READY_TIMEOUT)
        return await _laps(url, database.url, vhost, laps, pause)
    finally:
        echo.end()
        await servers.brokers.drop_vhost(vhost)
        await servers.databases.drop(database)


async def _laps(url: str, database_url: str, amqp_url: str, laps: int, pause: float) -> list[float]:
    row = await asyncpg.connect(database_url)
    sender, receiver = await aio_pika.connect(amqp_url), await aio_pika.connect(amqp_url)
    try:
        await row.execute(MAKE_TABLE)
        insert = await row.prepare(ADD_ROW)
        publish = await (await sender.channel(publisher_confirms=True)).get_exchange("", ensure=False)
        queue = await (await receiver.channel()).declare_queue(
            "floor", durable=True, arguments={"x-queue-type": "quorum", "x-single-active-consumer": True}
        )
        delivered: asyncio.Queue[bytes] = asyncio.Queue()

        async def take(message: aio_pika.abc.AbstractIncomingMessage) -> None:
            delivered.put_nowait(message.body)
            await message.ack()

        await queue.consume(take)
        message = aio_pika.Message(b"{}", delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
        async with aiohttp.ClientSession() as http:

            async def lap() -> float:
                await asyncio.sleep(pause)
                began = time.perf_counter()
                await _post(http, url)
                await insert.fetchval()
                await publish.publish(message, routing_key=queue.name)
                await delivered.get()
                await insert.fetchval()
                await _post(http, url)
                return time.perf_counter() - began

            await lap()  # the first one opens connections
            return [await lap() for _ in range(laps)]
    finally:
        await row.close()
        await sender.close()
        await receiver.close()


async def _post(http: aiohttp.ClientSession, url: str) -> None:
    async with http.post(url, data=BODY) as answer:
        await answer.read()


async def _answers(url: str) -> bool:
    try:
        async with aiohttp.ClientSession() as http, http.get(url) as answer:
            return answer.status == 204
    except aiohttp.ClientError:
        return False
