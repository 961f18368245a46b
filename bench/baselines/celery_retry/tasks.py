"""A task for each call: take a slot or come again later, ring, write down the sid.

A business's slots are its jobs in hand, counted under a lock on its row.
"""

from __future__ import annotations

from typing import Any

import psycopg
from celery.signals import worker_process_init, worker_ready

from bench.baselines.celery_retry.app import DIAL, READY, make_app
from bench.baselines.provider import Provider
from bench.baselines.settings import Settings

NO_SLOT_COUNTDOWN = 1
LOOK = "SELECT business_id, phone, status, call_sid FROM jobs WHERE id = %s"
FULL = """
    SELECT count(*) >= (SELECT cap FROM businesses WHERE id = %(business)s)
    FROM jobs WHERE business_id = %(business)s AND status IN ('dialing', 'calling')
"""
LOCK = "SELECT FROM businesses WHERE id = %s FOR NO KEY UPDATE"
CLAIM = "UPDATE jobs SET status = 'dialing', dialed_at = now() WHERE id = %s AND status = 'queued'"
RECORD = "UPDATE jobs SET status = 'calling', call_sid = %s WHERE id = %s AND status = 'dialing'"

settings = Settings.from_environment()
app = make_app(settings.amqp_url)
_process: dict[str, Any] = {}


@worker_process_init.connect
def connect(**_: object) -> None:
    """What each process of the pool keeps open."""
    _process["database"] = psycopg.connect(settings.database_url, autocommit=True)
    _process["provider"] = Provider(settings)


@worker_ready.connect
def announce(**_: object) -> None:
    """The one line that whoever started the worker waits for."""
    print(READY, flush=True)


@app.task(name=DIAL, bind=True, max_retries=None)
def dial(self: Any, job_id: int) -> None:
    """Ring one lead. A task that comes a second time goes on where the first one cannot have got further."""
    database, provider = _process["database"], _process["provider"]
    business_id, phone, status, sid = database.execute(LOOK, [job_id]).fetchone()
    if status not in ("queued", "dialing") or sid is not None:
        return
    if status == "queued" and not take_slot(database, business_id, job_id):
        raise self.retry(countdown=NO_SLOT_COUNTDOWN)
    database.execute(RECORD, [provider.call(job_id, phone), job_id])


def take_slot(database: Any, business_id: int, job_id: int) -> bool:
    """Claim the job if the business has a slot free; a look without a lock first, since most find none."""
    if _full(database, business_id):
        return False
    with database.transaction():
        database.execute(LOCK, [business_id])
        return not _full(database, business_id) and database.execute(CLAIM, [job_id]).rowcount == 1


def _full(database: Any, business_id: int) -> bool:
    return bool(database.execute(FULL, {"business": business_id}).fetchone()[0])
