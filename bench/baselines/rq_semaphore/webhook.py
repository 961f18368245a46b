"""The callbacks of the RQ baseline: the place in Redis is given back once the job's end is written."""

from __future__ import annotations

from typing import Any

from redis.asyncio import Redis

from bench.baselines.callbacks import Ended, callback_app
from bench.baselines.rq_semaphore.semaphore import key
from bench.baselines.settings import Settings

settings = Settings.from_environment()
redis = Redis.from_url(settings.redis_url)


async def free(_connection: Any, ended: Ended) -> None:
    """The connection is not needed: the place is not in the database."""
    if ended.slot is not None:
        await redis.zrem(key(ended.business_id), ended.slot)


app = callback_app(settings, free)
