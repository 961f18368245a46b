"""Work that waits together is done together, and fails alone."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from services.webhook.batch import Batcher


class Poison(Exception):
    """What a poisonous item raises."""


class Away(Exception):
    """What would meet each item."""


class Work:
    """Doubles numbers; a negative one is poisonous, and so is every batch it is in."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.began = asyncio.Event()
        self.open = asyncio.Event()
        self.open.set()
        self.away = False

    async def __call__(self, items: Sequence[int]) -> Sequence[int]:
        self.batches.append(list(items))
        self.began.set()
        await self.open.wait()
        if self.away:
            raise Away
        if any(item < 0 for item in items):
            raise Poison
        return [2 * item for item in items]


async def test_an_item_alone_waits_for_nobody() -> None:
    work = Work()
    batcher = Batcher("tests", work)
    assert [await batcher.submit(item) for item in (1, 2)] == [2, 4]
    assert work.batches == [[1], [2]]


async def test_while_one_batch_is_in_flight_the_next_collects() -> None:
    work = Work()
    work.open.clear()
    batcher = Batcher("tests", work, most=3)
    tasks = [asyncio.create_task(batcher.submit(1))]
    await work.began.wait()
    tasks += [asyncio.create_task(batcher.submit(item)) for item in range(2, 7)]
    await asyncio.sleep(0)
    assert work.batches == [[1]]
    work.open.set()
    assert await asyncio.gather(*tasks) == [2, 4, 6, 8, 10, 12]
    assert work.batches == [[1], [2, 3, 4], [5, 6]]
    await asyncio.sleep(0)
    assert batcher.idle


async def test_a_poisonous_item_fails_alone_and_each_waiter_gets_its_own_result() -> None:
    batcher = Batcher("tests", Work())
    results = await asyncio.gather(*(batcher.submit(item) for item in (1, -2, 3, 4)), return_exceptions=True)
    assert [results[0], *results[2:]] == [2, 6, 8]
    assert isinstance(results[1], Poison)


async def test_an_error_that_would_meet_each_item_is_not_tried_one_by_one() -> None:
    work = Work()
    work.away = True
    batcher = Batcher("tests", work, shared_fate=(Away,))
    results = await asyncio.gather(*(batcher.submit(item) for item in (1, 2, 3)), return_exceptions=True)
    assert [type(result) for result in results] == [Away] * 3
    assert work.batches == [[1, 2, 3]]
    work.away = False
    assert await batcher.submit(5) == 10


@pytest.mark.parametrize("poisoned", [False, True])
async def test_a_waiter_that_goes_away_takes_nobody_along_and_its_item_is_done(poisoned: bool) -> None:
    work = Work()
    work.open.clear()
    batcher = Batcher("tests", work)
    tasks = [asyncio.create_task(batcher.submit(item)) for item in (1, -2 if poisoned else 2, 3)]
    await work.began.wait()
    tasks[1].cancel()
    await asyncio.wait({tasks[1]})
    work.open.set()
    assert [await tasks[0], await tasks[2]] == [2, 6]
    assert tasks[1].cancelled()
    assert 2 in {abs(item) for batch in work.batches for item in batch}


async def test_a_result_for_each_item_is_demanded() -> None:
    async def forgetful(items: Sequence[int]) -> Sequence[int]:
        return items[1:]

    with pytest.raises(ValueError, match="zip"):
        await Batcher("tests", forgetful).submit(1)
