"""Goes round: takes errands that are due, as many as the desk has room for, and does each in a task of its own.

Rules: an errand that fails delays no other; what a process that died or froze had taken falls due again by itself.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from services.reaper.desk import Desk
from services.reaper.outages import Errand, Outages
from shared.errors import ProviderAway, SecretUnreadable
from shared.process import Stop, Tasks, report_failure

E = TypeVar("E", bound=Errand)
Take = Callable[[int, int, list[int]], Awaitable[list[E]]]
"""Takes at most so many errands, at most so many of one account, where some accounts have lanes that are not free."""


class Rounds(Generic[E]):
    """One kind of errand."""

    def __init__(
        self, name: str, take: Take[E], do: Callable[[E], Awaitable[None]], desk: Desk, outages: Outages
    ) -> None:
        self.name = name
        self._take = take
        self._do = do
        self._desk = desk
        self._outages = outages

    async def go(self, tasks: Tasks, stop: Stop, period: float) -> None:
        """Begin what is due until nothing is, and nothing is under way.

        It is asked again what is due whenever an errand is done, or after a period of so many seconds.
        """
        while not stop.is_set():
            was_busy = self._desk.is_busy  # before the statement: what ends while it runs may have made room
            if not await self._begin(tasks) and not was_busy:
                return
            await self._desk.somebody_left(period)

    async def _begin(self, tasks: Tasks) -> bool:
        room = self._desk.room
        if not room:
            return False
        taken = await self._take(room, self._desk.per_account, self._desk.busy())
        for errand in taken:
            self._desk.enter(errand.account_id)
            tasks.start(f"{self.name} of call {errand.call_id}", self._run(errand), once=True)
        return bool(taken)

    async def _run(self, errand: E) -> None:
        try:
            await self._do(errand)
        except (ProviderAway, SecretUnreadable) as error:
            self._outages.failed(errand, error)
        except Exception as error:
            report_failure(self.name, error, call_id=errand.call_id, business_id=errand.business_id)
        else:
            self._outages.worked(errand)
        finally:
            self._desk.leave(errand.account_id)
