"""`python -m bench.baselines.rq_semaphore.worker N`: a pool of N RQ workers, a process each, one run at a time.

Whatever an earlier pool left is taken up first: jobs that were being dialled and have no sid are queued again, and runs
that are still running are enqueued again, as there is no other pool.
"""

from __future__ import annotations

import sys

import psycopg
from redis import Redis
from rq import Queue
from rq.worker_pool import WorkerPool

from bench.baselines.rq_semaphore.tasks import dial_run
from bench.baselines.settings import Settings

QUEUE = "runs"
NO_LIMIT = -1
BACK = "UPDATE jobs SET status = 'queued' WHERE status = 'dialing' AND call_sid IS NULL"
RUNNING = "SELECT id FROM runs WHERE status = 'running' ORDER BY id"


def enqueue(queue: Queue, runs: list[int]) -> None:
    """One RQ job for each run; a run lasts as long as it lasts, and nobody asks for its result."""
    queue.enqueue_many([Queue.prepare_data(dial_run, [run], timeout=NO_LIMIT, result_ttl=0) for run in runs])


def resume(settings: Settings, queue: Queue) -> None:
    """Take up what the last pool left."""
    with psycopg.connect(settings.database_url, autocommit=True) as database:
        database.execute(BACK)
        queue.empty()
        enqueue(queue, [run for (run,) in database.execute(RUNNING).fetchall()])


def main(workers: int) -> None:
    """Serve until SIGTERM."""
    settings = Settings.from_environment()
    redis = Redis.from_url(settings.redis_url)
    resume(settings, Queue(QUEUE, connection=redis))
    WorkerPool([QUEUE], connection=redis, num_workers=workers).start(logging_level="WARNING")


if __name__ == "__main__":
    main(int(sys.argv[1]))
