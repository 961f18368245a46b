"""The semaphore in Redis lets no more holders in than it should, and has the leak that its pattern has."""

import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from bench.baselines.redis_server import RedisServer
from bench.baselines.rq_semaphore.semaphore import SECONDS, Semaphore, key
from stack.rundir import RunDir


@pytest.fixture
async def redis(run_dir: RunDir) -> AsyncIterator[Any]:
    server = RedisServer(run_dir)
    try:
        await server.start()
        with server.connect() as connection:
            yield connection
    finally:
        server.child.end()


def test_places_are_limited_and_come_back(redis: Any) -> None:
    slots = Semaphore(redis, 1, 3)
    names = [slots.acquire() for _ in range(3)]
    assert (len(set(names)), slots.acquire()) == (3, None)
    assert Semaphore(redis, 2, 3).acquire() is not None  # another business
    slots.release(str(names[0]))
    slots.release(str(names[0]))
    assert slots.acquire() is not None
    assert slots.acquire() is None


def test_a_place_that_nobody_gives_back_is_lost_until_its_time_is_over(redis: Any) -> None:
    slots = Semaphore(redis, 1, 1)
    lost = slots.acquire()
    assert slots.acquire() is None
    assert redis.zscore(key(1), lost) == pytest.approx(time.time() + SECONDS, abs=60)
    redis.zadd(key(1), {lost: time.time() - 1})
    assert slots.acquire() is not None
