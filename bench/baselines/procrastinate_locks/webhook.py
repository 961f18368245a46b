"""The callbacks of the Procrastinate baseline: the waiting task is told, in the transaction that ends the job."""

from __future__ import annotations

from typing import Any

from bench.baselines.callbacks import Ended, callback_app
from bench.baselines.settings import Settings

TELL = "SELECT pg_notify('call_ended', %s)"


async def free(connection: Any, ended: Ended) -> None:
    """Whoever waits for this call ends, and with it its lock."""
    await connection.execute(TELL, [str(ended.job_id)])


app = callback_app(Settings.from_environment(), free)
