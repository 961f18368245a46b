"""RabbitMQ's management API, as far as running and testing the system needs it."""

from typing import Any
from urllib.parse import quote

import aiohttp
from yarl import URL

from stack.errors import StackError

TIMEOUT = aiohttp.ClientTimeout(total=30)


class Management:
    """Virtual hosts, queues and connections of one RabbitMQ. StackError for every answer above 399."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self.url = url
        self.user = user
        self._headers = {"Authorization": aiohttp.encode_basic_auth(user, password)}

    async def create_vhost(self, name: str) -> None:
        """A virtual host of this name, in which our user may do everything."""
        everything = {"configure": ".*", "write": ".*", "read": ".*"}
        await self._ask("PUT", "vhosts", name, body={})
        await self._ask("PUT", "permissions", name, self.user, body=everything)

    async def delete_vhost(self, name: str) -> None:
        await self._ask("DELETE", "vhosts", name)

    async def queue(self, vhost: str, name: str) -> dict[str, Any]:
        """What the server tells of one queue; its numbers may be some seconds old."""
        return dict(await self._ask("GET", "queues", vhost, name))

    async def queues(self, vhost: str) -> list[dict[str, Any]]:
        return list(await self._ask("GET", "queues", vhost))

    async def bindings(self, vhost: str) -> list[dict[str, Any]]:
        return list(await self._ask("GET", "bindings", vhost))

    async def consumers(self, vhost: str) -> list[dict[str, Any]]:
        return list(await self._ask("GET", "consumers", vhost))

    async def connections(self, vhost: str) -> list[dict[str, Any]]:
        return list(await self._ask("GET", "vhosts", vhost, "connections"))

    async def close_connection(self, name: str) -> None:
        """Cut a client's connection from the server's side."""
        await self._ask("DELETE", "connections", name)

    async def answers(self) -> bool:
        try:
            await self._ask("GET", "overview")
        except (StackError, aiohttp.ClientError, TimeoutError):
            return False
        return True

    async def _ask(self, method: str, *path: str, body: dict[str, str] | None = None) -> Any:
        address = "/".join([self.url, "api", *(quote(part, safe="") for part in path)])
        async with (
            aiohttp.ClientSession(headers=self._headers, timeout=TIMEOUT) as session,
            session.request(method, URL(address, encoded=True), json=body) as answer,
        ):
            if answer.status >= 400:
                raise StackError(
                    f"RabbitMQ answered {answer.status} to {method} {'/'.join(path)}: {await answer.text()}"
                )
            return await answer.json() if answer.status == 200 else None
