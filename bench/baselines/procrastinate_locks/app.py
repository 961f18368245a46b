"""The Procrastinate application: jobs are rows, and no two with one lock run at a time.

https://procrastinate.readthedocs.io/en/stable/howto/advanced/locks.html
"""

from __future__ import annotations

from procrastinate import App, PsycopgConnector

DIAL = "dial"
QUEUE = "dials"
POOL_SIZE = 10
POLL = 0.1
"""Seconds between looks for a job: nobody tells the worker that a lock was given back."""
HEARTBEAT, STALLED = 2.0, 10.0
"""Seconds between a worker's signs of life, and after which without one its jobs are taken from it."""


def make_app(database_url: str) -> App:
    """An application that keeps its jobs in this database."""
    return App(
        connector=PsycopgConnector(conninfo=database_url, min_size=1, max_size=POOL_SIZE),
        worker_defaults={
            "fetch_job_polling_interval": POLL,
            "update_heartbeat_interval": HEARTBEAT,
            "stalled_worker_timeout": STALLED,
        },
    )
