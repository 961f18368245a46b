"""Work that waits together is done together.

Rules: while one batch is in flight the next collects, and nobody waits in order to be batched; each waiter gets its own
result, and one that goes away takes nobody along; a batch that fails is done again one by one, so that a poisonous
item fails alone, unless the error is one that would meet each of them.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

MOST = 100
"""Items in one batch: what a transaction holds locks on is gone again within some milliseconds."""


class Batcher(Generic[Item, Result]):
    """Hands items to `work` in batches, one batch at a time. Errors in `shared_fate` are not tried one by one."""

    def __init__(
        self,
        name: str,
        work: Callable[[Sequence[Item]], Awaitable[Sequence[Result]]],
        *,
        shared_fate: tuple[type[Exception], ...] = (),
        most: int = MOST,
    ) -> None:
        self._name = name
        self._work = work
        self._shared_fate = shared_fate
        self._most = most
        self._waiting: deque[tuple[Item, asyncio.Future[Result]]] = deque()
        self._worker: asyncio.Task[None] | None = None

    @property
    def idle(self) -> bool:
        """Whether nothing waits and nothing is in flight."""
        return self._worker is None and not self._waiting

    async def submit(self, item: Item) -> Result:
        """Return the result of this item, or raise what its work raised."""
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._worker is None:
            self._worker = asyncio.create_task(self._run(), name=f"batches of {self._name}")
        return await future

    async def _run(self) -> None:
        try:
            while self._waiting:
                batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), self._most))]
                await self._settle(batch)
        finally:
            self._worker = None

    async def _settle(self, batch: Sequence[tuple[Item, asyncio.Future[Result]]]) -> None:
        try:
            results = await self._work([item for item, _ in batch])
            for (_, future), result in zip(batch, results, strict=True):
                if not future.done():
                    future.set_result(result)
        except Exception as error:
            if len(batch) == 1 or isinstance(error, self._shared_fate):
                _fail(batch, error)
            else:
                for entry in batch:
                    await self._settle([entry])
        except asyncio.CancelledError:
            for _, future in batch:
                future.cancel()
            raise


def _fail(batch: Sequence[tuple[object, asyncio.Future[Result]]], error: Exception) -> None:
    for _, future in batch:
        if not future.done():
            future.set_exception(error)
            future.exception()  # whoever waited may have gone away since
