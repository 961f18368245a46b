"""A named background task that lives between a start and a stop, and whose death is never missed."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine
from typing import Any

from shared.logs import logger

OnDeath = Callable[[str], None]


def end_process(reason: str) -> None:
    """Ask this process to end, as an operator would: half a service is worse than none."""
    logger().critical("STOPPING", reason=reason)
    os.kill(os.getpid(), signal.SIGTERM)


class Background:
    """Work that is started and stopped again and again; should it raise, `on_death` hears why."""

    def __init__(
        self, name: str, work: Callable[[], Coroutine[Any, Any, None]], on_death: OnDeath = end_process
    ) -> None:
        self._name = name
        self._work = work
        self._on_death = on_death
        self._task: asyncio.Task[None] | None = None

    @property
    def running(self) -> bool:
        """Say whether it was started and has not ended."""
        return self._task is not None and not self._task.done()

    def start(self) -> None:
        """Start the work, unless it runs."""
        if not self.running:
            self._task = asyncio.create_task(self._work(), name=self._name)
            self._task.add_done_callback(self._notice_death)

    async def stop(self, grace: float = 0.0) -> None:
        """Give the work `grace` seconds to end by itself, then cancel it; return when it has ended."""
        task, self._task = self._task, None
        if task is not None:
            _, late = await asyncio.wait({task}, timeout=grace)
            if late:
                task.cancel()
                await asyncio.wait({task})

    def _notice_death(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            logger().critical("TASK_DIED", task=self._name, exc_info=error)
            self._on_death(f"task {self._name} died")
