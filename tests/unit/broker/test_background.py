"""Background work is never lost sight of."""

from __future__ import annotations

import asyncio

from structlog.testing import capture_logs

from shared.background import Background


async def test_work_that_raises_is_told_with_its_name() -> None:
    async def fail() -> None:
        raise ValueError("a mistake")

    told: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    work = Background("beat", fail, told.set_result)
    with capture_logs() as lines:
        work.start()
        assert await asyncio.wait_for(told, 60) == "task beat died"
    assert [(line["event"], line["task"]) for line in lines] == [("TASK_DIED", "beat")]
    assert not work.running
    await work.stop()


async def test_stopping_is_no_death_and_starting_twice_starts_once() -> None:
    told: list[str] = []
    started = 0

    async def last() -> None:
        nonlocal started
        started += 1
        await asyncio.Event().wait()

    work = Background("beat", last, told.append)
    work.start()
    work.start()
    await asyncio.sleep(0)
    await work.stop()
    assert (started, told, work.running) == (1, [], False)


async def test_work_that_ends_within_its_grace_is_not_cancelled() -> None:
    stopping, ended = asyncio.Event(), []

    async def tidy() -> None:
        await stopping.wait()
        await asyncio.sleep(0.01)
        ended.append("tidied")

    work = Background("beat", tidy)
    work.start()
    await asyncio.sleep(0)
    stopping.set()
    await work.stop(grace=10)
    assert ended == ["tidied"]
