"""The lag of the machine, by which a verdict is lenient."""

from __future__ import annotations

import asyncio
import contextlib
import time

from chaos.lag import LEAST, TIMES, Lag


async def test_a_loop_that_was_held_up_is_noticed() -> None:
    lag = Lag()
    measuring = asyncio.create_task(lag.measure())
    await asyncio.sleep(0)
    time.sleep(0.3)  # noqa: ASYNC251 - this is what holds it up
    await asyncio.sleep(0.1)
    measuring.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await measuring
    assert lag.longest >= 0.2
    assert lag.allowance >= TIMES * 0.2


def test_without_any_lag_a_little_is_allowed() -> None:
    assert Lag().allowance == LEAST
