"""Intake: how fast leads come in from a CSV file, and how fast they become a started run.

Each beside COPY of the same rows into the same table, through one connection, constraints and indexes as they are. The
API runs alone: nobody dials meanwhile. A run's time is that of the request, from sending it to its whole answer.
"""

from __future__ import annotations

import time
from typing import Any

import asyncpg

from bench.bench import Bench, Measured
from bench.crowd import ADD_RUN
from bench.figures import Figure
from bench.fill import add_businesses, copy_leads
from bench.ringfence import Ringfence
from bench.work import Work
from stack.campaign import TWIML
from stack.client import Client

MOBILE = 500_000_000
"""Numbers of Israel's mobile networks: the API checks that a number can exist."""


async def measure(bench: Bench) -> Measured:
    """Figures `import`, `import copy`, `start`, `start copy` in leads a second, and `start seconds`."""
    figures: dict[str, list[float]] = {}
    sizes = bench.sizes
    async with bench.engine(lambda site: Ringfence(site, services=["api"])) as (site, _):
        connection = await asyncpg.connect(site.database.superuser_url)
        try:
            copier = Copier(connection)
            business, leads = await copier.leads(sizes.start_leads)
            for _ in range(bench.rounds):
                client = site.stack.client("operator", await copier.business())
                took = await _import(client, sizes.import_lines)
                _note(figures, "import", sizes.import_lines / took)
                _note(figures, "import copy", sizes.import_lines / await copier.copy_leads(sizes.import_lines))
                took = await _start(site.stack.client("operator", business), leads)
                _note(figures, "start", sizes.start_leads / took)
                _note(figures, "start seconds", took)
                _note(figures, "start copy", sizes.start_leads / await copier.copy_jobs(business, leads))
        finally:
            await connection.close()
    units = {"start seconds": "s"}
    details = {"lines": sizes.import_lines, "leads": sizes.start_leads}
    return Measured({name: Figure.of(own, units.get(name, "1/s")) for name, own in figures.items()}, details)


def _note(figures: dict[str, list[float]], name: str, value: float) -> None:
    figures.setdefault(name, []).append(value)


async def _import(client: Client, lines: int) -> float:
    rows = "".join(f"+972{MOBILE + n},Lead {n},city {n % 100}\n" for n in range(lines))
    content = f"phone,name,city\n{rows}".encode()
    began = time.perf_counter()
    await client.import_leads(content)
    return time.perf_counter() - began


async def _start(client: Client, leads: list[int]) -> float:
    began = time.perf_counter()
    await client.start_run(leads, twiml=TWIML)
    return time.perf_counter() - began


class Copier:
    """What the API did, done by COPY."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def business(self) -> int:
        """A new business."""
        return (await add_businesses(self._connection, 1, 3))[0]

    async def leads(self, count: int) -> tuple[int, list[int]]:
        """A business with so many leads, and their ids."""
        business = await self.business()
        return business, (await copy_leads(self._connection, [business], Work(1, count, 3)))[0]

    async def copy_leads(self, count: int) -> float:
        """Seconds for the rows that an import makes."""
        business = await self.business()
        rows = [(business, f"+972{MOBILE + n}", f"Lead {n}", f'{{"city": "city {n % 100}"}}') for n in range(count)]
        return await self._copy("leads", rows, ["business_id", "phone", "name", "attributes"])

    async def copy_jobs(self, business: int, leads: list[int]) -> float:
        """Seconds for the jobs of a run over these leads."""
        run = await self._connection.fetchval(ADD_RUN, business)
        rows = [(business, run, lead) for lead in leads]
        return await self._copy("outbound_call_jobs", rows, ["business_id", "run_id", "lead_id"])

    async def _copy(self, table: str, rows: list[tuple[Any, ...]], columns: list[str]) -> float:
        began = time.perf_counter()
        await self._connection.copy_records_to_table(table, records=rows, columns=columns)
        return time.perf_counter() - began
