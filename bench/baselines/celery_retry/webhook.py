"""The callbacks of the Celery baseline: a job that is over holds no slot, so there is nothing more to do."""

from __future__ import annotations

from typing import Any

from bench.baselines.callbacks import Ended, callback_app
from bench.baselines.settings import Settings


async def free(_connection: Any, _ended: Ended) -> None:
    """The slot was the job's row."""


app = callback_app(Settings.from_environment(), free)
