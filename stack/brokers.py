"""Virtual hosts on one RabbitMQ: ours, or the one that AMQP_URL names.

Somebody else's server may have no management API for us; then its one virtual host is used again and again, and
`new_vhost(emptied=True)` removes from it what the system declares.
"""

import secrets
from urllib.parse import quote, urlsplit, urlunsplit

import aio_pika

from stack.management import Management
from stack.rabbitmq import Node, private_rabbitmq
from stack.rundir import RunDir

MANAGEMENT_PORT = 15672
QUEUES = ("dispatcher", "dispatcher.dead", *(f"dispatcher.{number}" for number in range(1, 64)))
EXCHANGES = ("ringfence.events", "ringfence.dispatch", "ringfence.dead")


class BrokerServer:
    """A RabbitMQ with room for many systems. `own` is the node when it is ours; `management` may be None."""

    def __init__(self, base_url: str, management: Management | None, own: Node | None = None) -> None:
        self.base_url = base_url
        self.management = management
        self.own = own
        self._word = secrets.token_hex(3)
        self._made = 0

    @classmethod
    async def open(cls, run: RunDir, url: str | None = None) -> "BrokerServer":
        """The server at `url`, else a new one of our own in `run`'s folder."""
        if url:
            return cls(url, await _management_beside(url))
        own = private_rabbitmq(run)
        try:
            await own.start()
        except BaseException:
            await own.close()
            raise
        return cls(own.url(), own.management, own)

    async def new_vhost(self, *, emptied: bool = False) -> str:
        """The AMQP URL of a place where nobody else's queues are, as far as the server lets us have one."""
        if self.management is None:
            if emptied:
                await _empty(self.base_url)
            return self.base_url
        self._made += 1
        name = f"ringfence-{self._word}-{self._made}"
        await self.management.create_vhost(name)
        return urlunsplit(urlsplit(self.base_url)._replace(path=f"/{quote(name, safe='')}"))

    async def drop_vhost(self, url: str) -> None:
        if self.management is not None:
            await self.management.delete_vhost(urlsplit(url).path.removeprefix("/"))

    async def close(self) -> None:
        """End our own node; somebody else's is left alone."""
        if self.own is not None:
            await self.own.close()


async def _management_beside(url: str) -> Management | None:
    parts = urlsplit(url)
    address = f"http://{parts.hostname}:{MANAGEMENT_PORT}"
    found = Management(address, parts.username or "guest", parts.password or "guest")
    return found if await found.answers() else None


async def _empty(url: str) -> None:
    connection = await aio_pika.connect(url)
    async with connection:
        channel = await connection.channel()
        for queue in QUEUES:
            await channel.queue_delete(queue)
        for exchange in EXCHANGES:
            await channel.exchange_delete(exchange)
