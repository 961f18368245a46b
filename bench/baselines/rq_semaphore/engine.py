"""The design that was replaced, as an engine: RQ workers, a Redis semaphore, a loop that sleeps."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from rq import Queue, Worker

from bench.baselines.baseline import Baseline, Run
from bench.baselines.history import HeldSlot
from bench.baselines.redis_server import RedisServer
from bench.baselines.rq_semaphore.semaphore import SECONDS, key
from bench.baselines.rq_semaphore.worker import QUEUE, enqueue
from bench.site import Site
from stack.processes import Child

WORKERS = 64
"""A run each: see the README beside this for how the number was found."""

TAKING = ("idle", "busy")
"""States of a worker that is up."""


class RqSemaphore(Baseline):
    """RQ, Redis and polling."""

    name = "rq_semaphore"
    package = "bench.baselines.rq_semaphore"

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self._redis = RedisServer(site.stack.run)
        self._killed: set[str] = set()
        self.settings = replace(self.settings, redis_url=self._redis.url)

    async def prepare(self) -> None:
        await self._redis.start()

    def servers(self) -> Mapping[str, Child]:
        return {"redis": self._redis.child}

    def worker_command(self) -> Sequence[str]:
        return ["-m", f"{self.package}.worker", str(WORKERS)]

    async def workers_ready(self) -> bool:
        """Whether all of them wait for a run; a worker that was killed stays registered for some minutes."""
        with self._redis.connect() as redis:
            if len(set(Worker.all_keys(connection=redis)) - self._killed) < WORKERS:
                return False  # which is asked for often, and their states one by one
            new = [worker for worker in Worker.all(connection=redis) if worker.key not in self._killed]
            return sum(worker.get_state() in TAKING for worker in new) >= WORKERS

    async def crash(self) -> None:
        with self._redis.connect() as redis:
            self._killed |= set(Worker.all_keys(connection=redis))
        await super().crash()

    async def hand_in(self, runs: Sequence[Run]) -> None:
        with self._redis.connect() as redis:
            await asyncio.to_thread(enqueue, Queue(QUEUE, connection=redis), [run.id for run in runs])

    async def held_slots(self) -> Iterable[HeldSlot]:
        held = []
        async with await self.connect() as connection:
            businesses = await (await connection.execute("SELECT id FROM businesses")).fetchall()
        with self._redis.connect() as redis:
            for (id_,) in businesses:
                for name, until in redis.zrange(key(id_), 0, -1, withscores=True):
                    held.append(HeldSlot(id_, name.decode(), until - SECONDS))
        return held
