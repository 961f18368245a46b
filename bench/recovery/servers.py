"""RabbitMQ or PostgreSQL is killed and started again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

import asyncpg

from bench.recovery.campaign import RATE, SLOTS, Campaign
from bench.recovery.gaps import first_after, longest_pause
from bench.recovery.scene import Scene
from stack.errors import StackError

AWAY = 5.0
"""Seconds without RabbitMQ, besides those that it takes to start: more than two beats."""

PROBE_EVERY = 0.01
PROBE_TIMEOUT = 120.0


async def rabbitmq(scene: Scene, rounds: int) -> Mapping[str, list[float]]:
    """The longest pause while the broker is away, and the longest after its return until dialling is calm."""
    campaign = await Campaign.begin(scene.stack, SLOTS)
    away, back = [], []
    for number in range(1, rounds + 1):
        await campaign.feed()
        await scene.before_fault()
        await scene.stack.kill_rabbitmq()
        gone = time.monotonic()
        await asyncio.sleep(AWAY)
        await scene.stack.start_rabbitmq()
        returned = time.monotonic()
        await scene.ready()
        await scene.dialling_again(time.monotonic())
        away.append(longest_pause(scene.creates, gone, returned))
        back.append(longest_pause(scene.creates, returned, time.monotonic()))
        await campaign.check()
        scene.tell(f"rabbitmq {number} of {rounds}: away {away[-1]:.3f} s, back {back[-1]:.3f} s")
    await campaign.stop()
    return {"rabbitmq_away": away, "rabbitmq_back": back}


async def postgres(scene: Scene, rounds: int) -> Mapping[str, list[float]]:
    """From PostgreSQL's taking connections again to the first create, and the whole pause since its death.

    Slots are free at any time: callbacks that met no database, and which this hurried provider did not repeat for
    long enough, keep theirs until the calls are looked up.
    """
    campaign = await Campaign.begin(scene.stack, RATE)
    back, whole = [], []
    for number in range(1, rounds + 1):
        await campaign.feed()
        await scene.before_fault()
        struck = time.monotonic()
        await scene.stack.kill_postgres()
        accepting, _ = await asyncio.gather(_accepting(scene.stack.database_url), scene.stack.start_postgres())
        await scene.dialling_again(accepting)
        back.append(first_after(scene.creates, accepting))
        whole.append(longest_pause(scene.creates, struck, time.monotonic()))
        await scene.ready()
        await campaign.check()
        scene.tell(f"postgres {number} of {rounds}: {back[-1]:.3f} s after its return, {whole[-1]:.3f} s in all")
    await campaign.stop()
    return {"postgres_back": back, "postgres_whole": whole}


async def _accepting(url: str) -> float:
    """The moment at which the first connection that came about was asked for; it was so at that time or just after."""
    deadline = time.monotonic() + PROBE_TIMEOUT
    while (asked := time.monotonic()) < deadline:
        try:
            connection = await asyncpg.connect(url, timeout=5)
        except (OSError, asyncpg.PostgresError, TimeoutError):
            await asyncio.sleep(PROBE_EVERY)
            continue
        await connection.close()
        return asked
    raise StackError(f"PostgreSQL takes no connections {PROBE_TIMEOUT:g} s after its start")
