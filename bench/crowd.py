"""A database in which one business holds nearly all jobs and has every slot taken, and small ones wait beside it.

Everything is written directly, without the services: what is measured is what happens next to it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import asyncpg

from bench.fill import add_businesses, add_leads

WHALE = 0
SMALL = 9
BYSTANDERS_SHARE = 0.1
"""Of all jobs, at most: where the others would hold more, they have none, for the whale holds nearly all."""

ADD_RUN = """
    INSERT INTO outbound_call_runs (business_id, total_leads, twiml) VALUES ($1, 0, '<Response/>') RETURNING id
"""
ADD_JOBS = """
    INSERT INTO outbound_call_jobs (business_id, run_id, lead_id) SELECT $1, $2, unnest($3::bigint[])
"""
COUNT_JOBS = """
    UPDATE outbound_call_runs r SET total_leads = total_leads + $2,
        claim_floor = (SELECT min(j.id) FROM outbound_call_jobs j
                       WHERE j.run_id = r.id AND j.status = 'queued') WHERE id = $1
"""
EMPLOY = """
    WITH runs AS (
        INSERT INTO outbound_call_runs (business_id, total_leads, twiml)
        SELECT id, 1, '<Response/>' FROM unnest($1::bigint[]) id RETURNING id, business_id
    ), leads AS (
        INSERT INTO leads (business_id, phone) SELECT id, '+4911111111' FROM unnest($1::bigint[]) id
        RETURNING id, business_id
    )
    INSERT INTO outbound_call_jobs (business_id, run_id, lead_id)
    SELECT r.business_id, r.id, l.id FROM runs r JOIN leads l USING (business_id)
"""
QUEUED = "SELECT count(*) FROM outbound_call_jobs WHERE status = 'queued'"
QUEUED_OF = QUEUED + " AND run_id = $1"
SHARE = 250_000
"""Jobs written by one statement."""


DISPERSE = "DELETE FROM outbound_call_jobs WHERE run_id = $1 AND status = 'queued' AND NOT dialed"
RECOUNT = """
    UPDATE outbound_call_runs r SET total_leads = (SELECT count(*) FROM outbound_call_jobs j WHERE j.run_id = r.id)
    WHERE id = $1
"""


@dataclass
class Crowd:
    """Who is there. Business 0 of the work is the whale, the next ones are small."""

    connection: asyncpg.Connection
    whale: int = 0
    whale_run: int = 0
    small: list[int] = field(default_factory=list)
    _runs: dict[int, int] = field(default_factory=dict)
    _leads: dict[int, int] = field(default_factory=dict)
    _idle: list[int] = field(default_factory=list)
    _businesses: int = 0

    async def found(self, cap: int, small: int = SMALL) -> None:
        """The whale and the small businesses, which have nothing to do yet."""
        self.whale, *self.small = await add_businesses(self.connection, 1 + small, cap)
        self.whale_run = await self._run(self.whale)
        self._businesses = 1 + small

    async def grow(self, jobs: int, businesses: int, small_jobs: int) -> None:
        """So many businesses; so many queued jobs in all, `small_jobs` of them each small business's."""
        async with self._unchecked():
            more = businesses - self._businesses
            if more > 0:
                self._idle += await add_businesses(self.connection, more, 3)
                self._businesses = businesses
            if len(self._idle) <= jobs * BYSTANDERS_SHARE:
                await self.connection.execute(EMPLOY, self._idle)
                self._idle = []
            for number, business_id in enumerate(self.small if small_jobs else (), 1):
                run = self._runs.get(business_id) or await self._run(business_id)
                queued = await self.connection.fetchval(QUEUED_OF, run)
                await self._queue(business_id, number, run, small_jobs - queued)
            await self._queue(self.whale, WHALE, self.whale_run, jobs - await self.queued())

    async def lead(self, business_id: int, number: int) -> None:
        """One lead of a small business, in no run."""
        await self._add_leads(business_id, number, 1)

    async def queued(self) -> int:
        """How many jobs wait."""
        return int(await self.connection.fetchval(QUEUED))

    async def disperse(self) -> None:
        """Take away what the whale has not rung: nobody need wait until a million jobs are cancelled and judged."""
        async with self._unchecked():
            await self.connection.execute(DISPERSE, self.whale_run)
            await self.connection.execute(RECOUNT, self.whale_run)
        # its last call may have ended while the jobs were being deleted: then nobody else ends the run
        await self.connection.execute("SELECT ringfence_finish_run($1)", self.whale_run)

    async def settle(self) -> None:
        """What autovacuum would come to do in the end."""
        await self.connection.execute("VACUUM (ANALYZE)")
        await self.connection.execute("CHECKPOINT")

    async def _run(self, business_id: int) -> int:
        self._runs[business_id] = int(await self.connection.fetchval(ADD_RUN, business_id))
        return self._runs[business_id]

    async def _queue(self, business_id: int, number: int, run: int, count: int) -> None:
        while count > 0:
            share = min(SHARE, count)
            leads = await self._add_leads(business_id, number, share)
            await self.connection.execute(ADD_JOBS, business_id, run, leads)
            await self.connection.execute(COUNT_JOBS, run, share)
            count -= share

    async def _add_leads(self, business_id: int, number: int, count: int) -> list[int]:
        first = self._leads.get(business_id, 0)
        self._leads[business_id] = first + count
        return await add_leads(self.connection, business_id, number, count, first=first)

    @asynccontextmanager
    async def _unchecked(self) -> AsyncIterator[None]:
        """Foreign keys are not looked up meanwhile: what is written here is known to be right."""
        await self.connection.execute("SET session_replication_role = replica")
        try:
            yield
        finally:
            await self.connection.execute("SET session_replication_role = origin")
