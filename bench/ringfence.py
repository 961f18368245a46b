"""Ringfence as an engine: its four services, campaigns started through its API."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import asyncpg

from bench.fill import add_businesses, copy_leads
from bench.judging import Judged, judge_ledger
from bench.site import Site
from bench.work import Work
from stack.campaign import TWIML
from stack.errors import StackError
from stack.system import together

SERVICES = ("api", "webhook", "dispatcher", "reaper")
AT_ONCE = 4
REST_TIMEOUT = 120.0
LOOK_EVERY = 0.2
UNDER_WAY = """
    SELECT (SELECT count(*) FROM outbound_call_runs WHERE ended_at IS NULL)
        + (SELECT count(*) FROM calls WHERE ended_at IS NULL)
"""


class Ringfence:
    """The system under its own roof."""

    name = "ringfence"
    most_calls: float | None = None

    def __init__(self, site: Site, services: Sequence[str] = SERVICES) -> None:
        self._site = site
        self._services = tuple(services)
        self._runs: list[tuple[int, int]] = []

    async def open(self) -> None:
        """Start the services and wait until each is ready."""
        await together(*(self._site.stack.start(name) for name in self._services))

    async def start(self, work: Work) -> None:
        """One run for each business, through the API; businesses and leads are copied in before."""
        connection = await asyncpg.connect(self._site.database.superuser_url)
        try:
            ids = await add_businesses(connection, work.businesses, work.cap)
            leads = await copy_leads(connection, ids, work)
        finally:
            await connection.close()
        turn = asyncio.Semaphore(AT_ONCE)

        async def start_run(business_id: int, lead_ids: list[int]) -> None:
            async with turn:
                client = self._site.stack.client("operator", business_id)
                run = await client.start_run(lead_ids, twiml=TWIML)
                self._runs.append((business_id, run["run_id"]))

        await together(*(start_run(id_, own) for id_, own in zip(ids, leads, strict=True)))

    async def stop(self) -> None:
        """Stop every run that is left, and wait until its calls are over."""
        turn = asyncio.Semaphore(AT_ONCE)

        async def stop_run(business_id: int, run_id: int) -> None:
            async with turn:
                client = self._site.stack.client("operator", business_id)
                answer = await client.request("POST", "/api/outbound/stop-queue", json={"run_id": run_id})
                if answer.status not in (200, 409):
                    raise StackError(f"the API answered {answer.status} to a stop: {answer.body}")

        await together(*(stop_run(*run) for run in self._runs))
        self._runs.clear()
        await self.rest()

    async def rest(self) -> None:
        """Wait until no run is active and no call live."""
        connection = await asyncpg.connect(self._site.database.superuser_url)
        try:
            async with asyncio.timeout(REST_TIMEOUT):
                while await connection.fetchval(UNDER_WAY):  # noqa: ASYNC110 - another process ends them
                    await asyncio.sleep(LOOK_EVERY)
        finally:
            await connection.close()

    async def crash(self) -> None:
        await self._site.stack.kill("dispatcher")
        await self._site.stack.start("dispatcher")

    def processes(self) -> Mapping[str, Sequence[int]]:
        return {name: [self._site.stack.service(name).child.pid] for name in self._services}

    async def judged(self, *, wait: float = REST_TIMEOUT) -> Judged:
        return await judge_ledger(self._site.ledger, self._site.database.url, wait=wait)

    async def close(self) -> None:
        for name in self._services:
            await self._site.stack.stop(name)
