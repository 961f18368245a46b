"""A task for each call, which lasts as long as the call: so its lock is the slot.

What was left by a worker that died is retried, as
https://procrastinate.readthedocs.io/en/stable/howto/production/retry_stalled_jobs.html has it.
"""

from __future__ import annotations

import asyncio
from functools import cache
from typing import Any

import psycopg
from psycopg_pool import AsyncConnectionPool

from bench.baselines.procrastinate_locks.app import DIAL, QUEUE, STALLED, make_app
from bench.baselines.provider import Provider
from bench.baselines.settings import Settings

POOL_SIZE = 10
LOOK_ANYWAY = 5.0
CHANNEL = "call_ended"
CLAIM = """
    UPDATE jobs SET status = 'dialing', dialed_at = now()
    WHERE id = %s AND call_sid IS NULL AND status IN ('queued', 'dialing') RETURNING phone
"""
RECORD = "UPDATE jobs SET status = 'calling', call_sid = %s WHERE id = %s AND status = 'dialing'"
IN_HAND = "SELECT status IN ('dialing', 'calling') FROM jobs WHERE id = %s"

settings = Settings.from_environment()
app = make_app(settings.database_url)


class Process:
    """What the worker's process keeps open: connections, the provider's client, who waits for which call."""

    def __init__(self) -> None:
        kwargs = {"autocommit": True}
        self.pool = AsyncConnectionPool(
            settings.database_url, min_size=1, max_size=POOL_SIZE, open=False, kwargs=kwargs
        )
        self.provider = Provider(settings, asynchronous=True)
        self.waiting: dict[int, asyncio.Event] = {}
        self._opening = asyncio.Lock()
        self._listener: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Once, at the first job."""
        async with self._opening:
            if self._listener is None:
                await self.pool.open()
                connection = await psycopg.AsyncConnection.connect(settings.database_url, autocommit=True)
                await connection.execute(f"LISTEN {CHANNEL}")
                self._listener = asyncio.create_task(self._listen(connection))

    async def _listen(self, connection: Any) -> None:
        async for notice in connection.notifies():
            waits = self.waiting.get(int(notice.payload))
            if waits is not None:
                waits.set()


@cache
def process() -> Process:
    """This process's own."""
    return Process()


@app.task(name=DIAL, queue=QUEUE)
async def dial(job_id: int) -> None:
    """Ring one lead, and wait until its call is over."""
    await process().open()
    ended = process().waiting[job_id] = asyncio.Event()
    try:
        claimed = await _fetch(CLAIM, job_id)
        if claimed is not None:
            sid = await process().provider.call_async(job_id, claimed[0])
            async with process().pool.connection() as connection:
                await connection.execute(RECORD, [sid, job_id])
        await _over(job_id, ended)
    finally:
        del process().waiting[job_id]


async def _over(job_id: int, ended: asyncio.Event) -> None:
    """Until a notice comes; looks by itself too, for a notice may be missed."""
    while not ended.is_set():
        try:
            await asyncio.wait_for(ended.wait(), LOOK_ANYWAY)
        except TimeoutError:
            row = await _fetch(IN_HAND, job_id)
            if row is None or not row[0]:
                return


async def _fetch(statement: str, job_id: int) -> Any:
    async with process().pool.connection() as connection:
        return await (await connection.execute(statement, [job_id])).fetchone()


@app.periodic(cron="* * * * * */5")
@app.task(queueing_lock="retry_stalled", pass_context=True, queue=QUEUE)
async def retry_stalled(context: Any, timestamp: int) -> None:
    """Queue the jobs of workers that are gone again."""
    stalled = await context.app.job_manager.get_stalled_jobs(seconds_since_heartbeat=STALLED)
    for job in stalled:
        await context.app.job_manager.retry_job(job)
