"""Celery as an engine: a task for each call on the bench's RabbitMQ, retried until a slot is free."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from bench.baselines.baseline import Baseline, Run
from bench.baselines.celery_retry.app import DIAL, READY, make_app

CONCURRENCY = 8
"""Processes of the worker: see the README beside this for how the number was found."""


class CeleryRetry(Baseline):
    """Celery and RabbitMQ."""

    name = "celery_retry"
    package = "bench.baselines.celery_retry"
    most_calls: float | None = 150.0

    def worker_command(self) -> Sequence[str]:
        worker = ["-m", "celery", "-A", f"{self.package}.tasks", "worker", f"--concurrency={CONCURRENCY}"]
        return [*worker, "--pool=prefork", "--loglevel=WARNING", "--without-gossip", "--without-mingle"]

    async def workers_ready(self) -> bool:
        return self.worker is not None and self.worker.log.read_text().count(READY) >= self.starts

    async def hand_in(self, runs: Sequence[Run]) -> None:
        await asyncio.to_thread(self._send, [job for run in runs for job in run.jobs])

    def _send(self, jobs: Sequence[int]) -> None:
        with make_app(self.settings.amqp_url) as app, app.producer_pool.acquire(block=True) as producer:
            for job in jobs:
                app.send_task(DIAL, args=[job], producer=producer)
