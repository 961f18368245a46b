"""A counting semaphore in Redis: at most `limit` holders of a name, each for `SECONDS` at the longest.

The pattern of a sorted set with the holders' times as scores, taken in one script so that two processes cannot both
find the last place free (https://redis.io/docs/latest/develop/programmability/eval-intro/). A holder that dies keeps
its place until its time is over: shorter than the longest call would let a place be taken twice.
"""

from __future__ import annotations

import time
from typing import Any
from uuid import uuid4

SECONDS = 900.0
"""Longer than a call can ring and last (60 s and 600 s)."""

TAKE = """
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[1])
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then return 0 end
redis.call('ZADD', KEYS[1], ARGV[3], ARGV[4])
return 1
"""


class Semaphore:
    """Places of one business."""

    def __init__(self, redis: Any, business_id: int, limit: int) -> None:
        self._redis = redis
        self._key = key(business_id)
        self._limit = limit
        self._take = redis.register_script(TAKE)

    def acquire(self) -> str | None:
        """The name of a place that is now ours; None when all are taken."""
        name, now = uuid4().hex, time.time()
        return name if self._take([self._key], [now, self._limit, now + SECONDS, name]) else None

    def release(self, name: str) -> None:
        """Give a place back; nothing happens when it was given back before."""
        self._redis.zrem(self._key, name)


def key(business_id: int) -> str:
    """Where a business's places are kept."""
    return f"slots:{business_id}"
