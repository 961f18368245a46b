"""The work of an RQ worker: one run, dialled in a loop until it has no queued job left."""

from __future__ import annotations

import time
from typing import Any

import psycopg
from redis import Redis

from bench.baselines.provider import Provider
from bench.baselines.rq_semaphore.semaphore import Semaphore
from bench.baselines.settings import Settings

NO_SLOT_PAUSE = 1.0
OPEN = """
    SELECT r.business_id, b.cap FROM runs r JOIN businesses b ON b.id = r.business_id
    WHERE r.id = %s AND r.status = 'running'
"""
BEAT = "UPDATE runs SET heartbeat_at = now() WHERE id = %s AND status = 'running'"
CLAIM = """
    UPDATE jobs SET status = 'dialing', slot = %s, dialed_at = now()
    WHERE id = (SELECT id FROM jobs WHERE run_id = %s AND status = 'queued' ORDER BY id FOR UPDATE SKIP LOCKED LIMIT 1)
    RETURNING id, phone
"""
RECORD = "UPDATE jobs SET status = 'calling', call_sid = %s WHERE id = %s AND status = 'dialing'"


def dial_run(run_id: int) -> None:
    """Ring this run's leads, never more at once than the business may."""
    settings = Settings.from_environment()
    provider = Provider(settings)
    with (
        psycopg.connect(settings.database_url, autocommit=True) as database,
        Redis.from_url(settings.redis_url) as redis,
    ):
        run = database.execute(OPEN, [run_id]).fetchone()
        if run is not None:
            _dial(database, provider, run_id, Semaphore(redis, *run))


def _dial(database: Any, provider: Provider, run_id: int, slots: Semaphore) -> None:
    while database.execute(BEAT, [run_id]).rowcount:
        slot = slots.acquire()
        if slot is None:
            time.sleep(NO_SLOT_PAUSE)
            continue
        job = database.execute(CLAIM, [slot, run_id]).fetchone()
        if job is None:
            slots.release(slot)
            return
        job_id, phone = job
        sid = provider.call(job_id, phone)
        database.execute(RECORD, [sid, job_id])
