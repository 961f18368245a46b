"""The whole system on this machine: servers, simulator and services, under one roof.

    async with Stack(services=["api", "dispatcher"], settings={"LEASE_SECONDS": "5"}) as stack: ...

Servers that are not handed in are started, and are then `stack.postgres` and `stack.rabbitmq`. On leaving, every
process that was started has ended, whatever happened inside; only the logs stay.
"""

import asyncio
import signal
import time
from collections.abc import Coroutine, Sequence
from typing import Any, Self, TypeVar

from stack.brokers import BrokerServer
from stack.client import Client, mint_token
from stack.databases import Database, DatabaseServer
from stack.environment import Settings, merged, new_secrets
from stack.errors import StackError
from stack.ports import free_port
from stack.postgres import EmbeddedPostgres
from stack.processes import Child
from stack.rabbitmq import Node
from stack.rundir import RunDir
from stack.service import Service
from stack.simulator import Simulator

ALL_SERVICES = ("api", "webhook", "dispatcher", "reaper", "simulator")
LOG_TIMEOUT = 120.0
POLL = 0.05

T = TypeVar("T")


class Stack:
    """A running system. `settings` go to every service; None takes one away.

    `database_url` and `amqp_url` name places that somebody else has made ready and clears; `postgres_url` and
    `rabbitmq_url` name servers on which to make places that go with the system.
    """

    def __init__(
        self,
        services: Sequence[str] = ALL_SERVICES,
        settings: Settings | None = None,
        *,
        database_url: str | None = None,
        amqp_url: str | None = None,
        postgres_url: str | None = None,
        rabbitmq_url: str | None = None,
        name: str = "stack",
        keep_logs: bool = True,
    ) -> None:
        self.run: RunDir
        self.secrets = new_secrets()
        self._first = tuple(services)
        self._extra = dict(settings or {})
        self._name = name
        self._keep_logs = keep_logs
        self._database_url = database_url
        self._amqp_url = amqp_url
        self._server_urls = (postgres_url, rabbitmq_url)
        self._database: Database | None = None
        self._databases: DatabaseServer | None = None
        self._brokers: BrokerServer | None = None
        self._services: dict[str, Service] = {}
        self._ports: dict[str, int] = {}

    async def __aenter__(self) -> Self:
        self.run = RunDir(self._name)
        try:
            await together(self._open_database(), self._open_broker())
            await together(*(self.start(name) for name in self._first))
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def database_url(self) -> str:
        return _present(self._database_url, "a database")

    @property
    def amqp_url(self) -> str:
        return _present(self._amqp_url, "a broker")

    @property
    def postgres(self) -> EmbeddedPostgres:
        """The PostgreSQL that this system started for itself."""
        return _present(self._databases.own if self._databases else None, "a PostgreSQL of its own")

    @property
    def rabbitmq(self) -> Node:
        """The RabbitMQ that this system started for itself."""
        return _present(self._brokers.own if self._brokers else None, "a RabbitMQ of its own")

    @property
    def simulator(self) -> Simulator:
        """The control API of the simulator."""
        return Simulator(self.url("simulator"))

    def service(self, name: str) -> Service:
        """The instance of this name (`dispatcher`, `dispatcher2`); made, but not started, at its first use."""
        if name not in self._services:
            self._services[name] = Service(name, self._port(name), self._settings(name), self.run)
        return self._services[name]

    def url(self, name: str) -> str:
        """Where an instance listens or will listen."""
        return f"http://127.0.0.1:{self._port(name)}"

    def client(self, role: str = "admin", business_id: int | None = None) -> Client:
        """Somebody who talks to the API with a token of this role."""
        return Client(self.url("api"), self.token(role, business_id))

    def token(self, role: str, business_id: int | None = None, *, sub: str = "stack") -> str:
        return mint_token(self.secrets["JWT_SECRET"], role, business_id, sub=sub)

    async def start(self, name: str, settings: Settings | None = None, *, until: str | None = "/readyz") -> None:
        """Start an instance, and wait until it answers 200 at the path `until`; None waits for nothing."""
        await self.service(name).start(settings or {}, until=until)

    async def stop(self, name: str) -> int | None:
        """SIGTERM; its exit status, after at most a minute."""
        return await self.service(name).stop()

    async def restart(self, name: str, settings: Settings | None = None) -> None:
        await self.stop(name)
        await self.start(name, settings)

    async def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> int:
        """Signal an instance and wait until it has ended; its exit status."""
        child = self.service(name).child
        child.send(number)
        status = await child.wait(LOG_TIMEOUT)
        child.end()
        return status

    def freeze(self, name: str) -> None:
        """SIGSTOP: the process lives and does nothing, its connections stay open."""
        self.service(name).child.freeze()

    def thaw(self, name: str) -> None:
        self.service(name).child.thaw()

    def running(self, name: str) -> bool:
        return self.service(name).child.running

    def logs(self, name: str) -> list[dict[str, Any]]:
        """What an instance logged, restarts included."""
        return self.service(name).logs()

    async def logged(self, name: str, event: str, *, timeout: float = LOG_TIMEOUT, **fields: object) -> dict[str, Any]:
        """The first line of this event with these fields, awaited for at most `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            for line in self.logs(name):
                if line.get("event") == event and fields.items() <= line.items():
                    return line
            await asyncio.sleep(POLL)
        raise StackError(f"{name} has not logged {event} {fields or ''} within {timeout:g} s")

    async def kill_postgres(self) -> None:
        await self.postgres.kill()

    async def stop_postgres(self) -> None:
        await self.postgres.stop()

    async def start_postgres(self) -> None:
        await self.postgres.start()

    async def kill_rabbitmq(self) -> None:
        await self.rabbitmq.kill()

    async def start_rabbitmq(self) -> None:
        await self.rabbitmq.start()

    async def restart_rabbitmq(self) -> None:
        """Kill the broker and start it again; what is durable survives."""
        await self.kill_rabbitmq()
        await self.start_rabbitmq()

    async def close(self) -> None:
        """End every process: services politely, servers at once. The logs stay unless told otherwise."""
        try:
            ours = [service for service in self._services.values() if service.kind != "simulator"]
            await together(*(service.stop() for service in ours))
            await together(self._close_database(), self._close_broker())
        finally:
            for child in self._children():
                child.end()
            self.run.release(keep_logs=self._keep_logs)

    def _children(self) -> list[Child]:
        children = [service.child for service in self._services.values()]
        if self._databases and self._databases.own:
            children.append(self._databases.own.child)
        if self._brokers and self._brokers.own:
            children.extend(self._brokers.own.children)
        return children

    async def _open_database(self) -> None:
        if self._database_url is None:
            self._databases = await DatabaseServer.open(self.run, self._server_urls[0])
            self._database = await self._databases.new_database()
            self._database_url = self._database.url

    async def _open_broker(self) -> None:
        if self._amqp_url is None:
            self._brokers = await BrokerServer.open(self.run, self._server_urls[1])
            self._amqp_url = await self._brokers.new_vhost()

    async def _close_database(self) -> None:
        if self._databases:
            if self._database and not self._databases.own:
                await self._databases.drop(self._database)
            await self._databases.close()

    async def _close_broker(self) -> None:
        if self._brokers:
            if self._amqp_url and not self._brokers.own:
                await self._brokers.drop_vhost(self._amqp_url)
            await self._brokers.close()

    def _port(self, name: str) -> int:
        return self._ports.get(name) or self._ports.setdefault(name, free_port())

    def _settings(self, name: str) -> dict[str, str]:
        account = {key: value for key, value in self.secrets.items() if key.startswith("TWILIO_")}
        if name.startswith("simulator"):
            ledger = {"SIM_LEDGER": str(self.run.state / "ledger.jsonl")}
            return merged(account, ledger, self._extra)
        places = {"DATABASE_URL": self.database_url, "AMQP_URL": self.amqp_url}
        addresses = {"WEBHOOK_PUBLIC_URL": self.url("webhook"), "TWILIO_API_URL": self.url("simulator")}
        return merged(self.secrets, places, addresses, self._extra)


async def together(*coroutines: Coroutine[Any, Any, object]) -> None:
    """Run them at once; the first error stops the others and is raised as itself."""
    try:
        async with asyncio.TaskGroup() as group:
            for coroutine in coroutines:
                group.create_task(coroutine)
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None


def _present(value: T | None, what: str) -> T:
    if value is None:
        raise StackError(f"this system has not started {what}")
    return value
