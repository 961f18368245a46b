"""The active dispatcher dies, or freezes, with a standby beside it."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping

from bench.recovery.campaign import SLOTS, Campaign
from bench.recovery.gaps import longest_pause
from bench.recovery.scene import PAIR, Scene


async def kill(scene: Scene, rounds: int) -> Mapping[str, list[float]]:
    """The pause after kill -9 of the active dispatcher."""
    return {"kill": await _pauses(scene, rounds, "kill", _kill)}


async def freeze(scene: Scene, rounds: int) -> Mapping[str, list[float]]:
    """The pause after a SIGSTOP of the active dispatcher, which is thawed when its successor dials."""
    return {"freeze": await _pauses(scene, rounds, "freeze", _freeze)}


async def _pauses(
    scene: Scene, rounds: int, fault: str, strike: Callable[[Scene, str], Awaitable[float]]
) -> list[float]:
    campaign = await Campaign.begin(scene.stack, SLOTS)
    pauses = []
    for number in range(1, rounds + 1):
        await campaign.feed()
        await scene.before_fault()
        pauses.append(await strike(scene, await scene.active()))
        await campaign.check()
        scene.tell(f"{fault} {number} of {rounds}: {pauses[-1]:.3f} s")
    await campaign.stop()
    return pauses


async def _kill(scene: Scene, victim: str) -> float:
    struck = time.monotonic()
    await scene.stack.kill(victim)
    return await _pause_since(scene, struck)


async def _freeze(scene: Scene, victim: str) -> float:
    struck = time.monotonic()
    scene.stack.freeze(victim)
    try:
        await scene.active([name for name in PAIR if name != victim])
        pause = await _pause_since(scene, struck)
    finally:
        scene.stack.thaw(victim)
    await scene.idle(victim)
    return pause


async def _pause_since(scene: Scene, struck: float) -> float:
    """The longest pause from the fault until dialling is calm again."""
    await scene.dialling_again(struck)
    return longest_pause(scene.creates, struck, time.monotonic())
