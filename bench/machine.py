"""The machine on which something was measured: a figure without it says nothing."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import aio_pika
import asyncpg

GIB = 1024**3


@dataclass(frozen=True)
class Machine:
    """Cores that this process may use, the CPU's name, the memory in GiB, and the versions of what ran on it.

    PostgreSQL and RabbitMQ are None where they took no part.
    """

    cores: int
    cpu: str
    memory_gib: float
    system: str
    python: str
    postgresql: str | None = None
    rabbitmq: str | None = None

    @classmethod
    async def here(cls, *, database_url: str | None = None, amqp_url: str | None = None) -> Machine:
        """This machine, with the versions of the servers that these URLs name, which must be up."""
        return cls(
            cores=len(os.sched_getaffinity(0)),
            cpu=_cpu(),
            memory_gib=round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / GIB, 1),
            system=f"{platform.system()} {platform.release()} {platform.machine()}",
            python=platform.python_version(),
            postgresql=await postgresql_version(database_url) if database_url else None,
            rabbitmq=await rabbitmq_version(amqp_url) if amqp_url else None,
        )

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Machine:
        """The machine that `as_json` described; a field it does not know is passed over."""
        return cls(**{name: value for name, value in fields.items() if name in cls.__dataclass_fields__})

    def as_json(self) -> dict[str, Any]:
        """The fields by their names."""
        return asdict(self)

    def __str__(self) -> str:
        """Everything in one line, for reports and documents."""
        versions = {"Python": self.python, "PostgreSQL": self.postgresql, "RabbitMQ": self.rabbitmq}
        return ", ".join(
            [f"{self.cores} cores of {self.cpu}", f"{self.memory_gib:g} GiB", self.system, *_present(versions)]
        )


def cpu_name(cpuinfo: str) -> str:
    """The first processor's name in the text of /proc/cpuinfo; the architecture where it names none (ARM)."""
    for line in cpuinfo.splitlines():
        field, _, value = line.partition(":")
        if field.strip() == "model name":
            return value.strip()
    return platform.machine()


async def postgresql_version(url: str) -> str:
    """What the server calls itself, such as `17.6`."""
    connection = await asyncpg.connect(url)
    try:
        return str(await connection.fetchval("SHOW server_version"))
    finally:
        await connection.close()


async def rabbitmq_version(url: str) -> str:
    """What the broker tells every client that connects, such as `3.10.8`."""
    connection = await aio_pika.connect(url)
    async with connection:
        properties = connection.transport.connection.server_properties if connection.transport else {}
        version = properties["version"]
        return version.decode() if isinstance(version, bytes) else str(version)


def _cpu() -> str:
    return cpu_name(Path("/proc/cpuinfo").read_text())


def _present(versions: Mapping[str, str | None]) -> Iterator[str]:
    return (f"{name} {version}" for name, version in versions.items() if version is not None)
