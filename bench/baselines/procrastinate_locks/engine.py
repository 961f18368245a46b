"""Procrastinate as an engine: a lock is a slot, and each job is given one of its business's when it is deferred."""

from __future__ import annotations

from collections.abc import Sequence

from bench.baselines.baseline import Baseline, Run
from bench.baselines.procrastinate_locks.app import DIAL, QUEUE, make_app

CONCURRENCY = 1000
"""Jobs of the worker at once: each waits for its call, so there must be more of them than slots."""
ANALYZE = "ANALYZE procrastinate_jobs"
"""What autovacuum would come to do within a minute; the plan of the worker's query depends on it."""
WORKERS = "SELECT count(*) FROM procrastinate_workers"


class ProcrastinateLocks(Baseline):
    """Procrastinate and PostgreSQL."""

    name = "procrastinate_locks"
    package = "bench.baselines.procrastinate_locks"
    most_calls: float | None = 150.0

    async def prepare(self) -> None:
        async with make_app(self.settings.database_url).open_async() as app:
            await app.schema_manager.apply_schema_async()

    def worker_command(self) -> Sequence[str]:
        app = f"{self.package}.tasks.app"
        worker = [
            "-m",
            "procrastinate",
            f"--app={app}",
            "--log-level=warning",
            "worker",
            f"--queues={QUEUE}",
            f"--concurrency={CONCURRENCY}",
        ]
        return [*worker, "--delete-jobs=always"]

    async def workers_ready(self) -> bool:
        async with await self.connect() as connection:
            row = await (await connection.execute(WORKERS)).fetchone()
        return row is not None and int(row[0]) > 0

    async def hand_in(self, runs: Sequence[Run]) -> None:
        async with make_app(self.settings.database_url).open_async() as app:
            for run in runs:
                for lane in range(run.cap):
                    own = [{"job_id": job} for job in run.jobs[lane :: run.cap]]
                    task = app.configure_task(DIAL, queue=QUEUE, lock=f"{run.business_id}-{lane}")
                    if own:
                        await task.batch_defer_async(*own)
        async with await self.connect() as connection:
            await connection.execute(ANALYZE)
