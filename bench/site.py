"""Where an engine is measured: servers that every measure of one bench shares, and for each engine a place on them.

The servers are always our own, so that their processes can be seen, with the settings that they have everywhere else
in this project: what is confirmed is on the disk.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Self

from bench.cpu import Usage, usage_by_group
from stack.brokers import BrokerServer
from stack.databases import Database, DatabaseServer
from stack.rundir import RunDir
from stack.simulator import Simulator
from stack.system import Stack

RATE = "100000"
"""Calls a second that accounts may start: what is measured is never a rate that somebody set."""

SETTINGS = {
    "CALLS_PER_SECOND": RATE,
    "SIM_CPS": RATE,
    "SIM_SEED": "1",
    "SIM_OUTCOMES": '{"answered": 1, "busy": 0, "no_answer": 0, "failed": 0}',
    "SIM_TIMINGS": '{"initiated": [0, 0], "post_dial": [0, 0], "ring": [0, 0], "talk": [0.5, 1.5]}',
}
"""Every call is answered at once and lasts one simulated second on average.

Were they all alike, an engine that sleeps exactly as long would always wake when a slot is free.
"""


class Servers:
    """A PostgreSQL and a RabbitMQ for one whole bench."""

    def __init__(self, run: RunDir, databases: DatabaseServer, brokers: BrokerServer) -> None:
        self.run = run
        self.databases = databases
        self.brokers = brokers

    @classmethod
    @asynccontextmanager
    async def opened(cls, name: str = "bench") -> AsyncIterator[Self]:
        """Start both, and end them afterwards."""
        run = RunDir(name)
        try:
            databases = await DatabaseServer.open(run)
            try:
                brokers = await BrokerServer.open(run)
                try:
                    yield cls(run, databases, brokers)
                finally:
                    await brokers.close()
            finally:
                await databases.close()
        finally:
            run.release()

    def processes(self) -> dict[str, list[int]]:
        """Their processes; empty for a broker that a container engine runs."""
        postgres = [self.databases.own.child.pid] if self.databases.own else []
        rabbitmq = [child.pid for child in self.brokers.own.children if child.running] if self.brokers.own else []
        return {"postgresql": postgres, "rabbitmq": rabbitmq}


class Site:
    """One engine's place: a database, a virtual host, and a provider with a ledger of its own."""

    def __init__(self, servers: Servers, stack: Stack, database: Database) -> None:
        self.servers = servers
        self.stack = stack
        self.database = database

    @property
    def ledger(self) -> Path:
        return self.stack.run.state / "ledger.jsonl"

    @property
    def provider(self) -> Simulator:
        return self.stack.simulator

    async def set_call_seconds(self, seconds: float) -> None:
        """From now on a call lasts this long; those under way change too."""
        await self.provider.set_scale(1 / seconds)

    def usage(self, own: Mapping[str, Sequence[int]]) -> dict[str, Usage]:
        """What everybody has used so far: an engine's own processes, the servers, the provider, and this bench."""
        simulator = {"simulator": [self.stack.service("simulator").child.pid]}
        return usage_by_group({**own, **self.servers.processes(), **simulator}) | {"bench": _own_usage()}


@asynccontextmanager
async def site_on(servers: Servers, settings: Mapping[str, str | None] | None = None) -> AsyncIterator[Site]:
    """A fresh site with its provider running; everything on it goes with it, the logs excepted."""
    database = await servers.databases.new_database()
    vhost = await servers.brokers.new_vhost()
    try:
        stack = Stack(
            ["simulator"],
            {**SETTINGS, **(settings or {})},
            database_url=database.url,
            amqp_url=vhost,
            name=f"{servers.run.name}-site",
        )
        async with stack:
            yield Site(servers, stack, database)
    finally:
        await servers.brokers.drop_vhost(vhost)
        await servers.databases.drop(database)


def _own_usage() -> Usage:
    times = os.times()
    return Usage(times.user + times.system, 0.0)
