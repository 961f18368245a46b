"""The links of the system: one proxy for each, so that each can fail by itself.

Every service to PostgreSQL and to RabbitMQ, whoever talks to the provider to it, and the provider to the webhook.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

from chaos.crew import CREW, DISPATCHERS
from chaos.plan import Plan
from stack.proxy import Proxy
from stack.system import Stack, together

WEBHOOK = "provider-webhook"
TO_PROVIDER = (*DISPATCHERS, "reaper")


@dataclass
class Links:
    """The proxies by name: `api-postgres`, `reaper-provider`."""

    stack: Stack
    plan: Plan

    async def __aenter__(self) -> Self:
        self._open = AsyncExitStack()
        self.proxies: dict[str, Proxy] = {}
        try:
            for name, port in _ports(self.stack).items():
                proxy = Proxy(name, port, self.plan.chance("jitter", name))
                self.proxies[name] = await self._open.enter_async_context(proxy)
        except BaseException:
            await self._open.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._open.aclose()

    async def clear(self) -> None:
        """Heal every link."""
        await together(*(proxy.clear() for proxy in self.proxies.values()))

    def settings(self, service: str) -> dict[str, str]:
        """Where a service finds the others: at its own links."""
        found = {
            "DATABASE_URL": _at(self.stack.database_url, self.proxies[f"{service}-postgres"]),
            "AMQP_URL": _at(self.stack.amqp_url, self.proxies[f"{service}-rabbitmq"]),
            "WEBHOOK_PUBLIC_URL": _at(self.stack.url("webhook"), self.proxies[WEBHOOK]),
        }
        if service in TO_PROVIDER:
            found["TWILIO_API_URL"] = _at(self.stack.url("simulator"), self.proxies[f"{service}-provider"])
        return found


def _ports(stack: Stack) -> dict[str, int]:
    servers = {"postgres": stack.postgres.address.port, "rabbitmq": stack.rabbitmq.port}
    ports = {f"{service}-{server}": port for service in CREW for server, port in servers.items()}
    provider, webhook = (int(urlsplit(stack.url(name)).port or 0) for name in ("simulator", "webhook"))
    return ports | {f"{service}-provider": provider for service in TO_PROVIDER} | {WEBHOOK: webhook}


def _at(url: str, proxy: Proxy) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=f"{parts.netloc.rpartition(':')[0]}:{proxy.listens}").geturl()
