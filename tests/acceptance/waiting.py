"""Waiting for what must come true, however slow the machine is."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

PATIENCE = 180.0
LOOK_EVERY = 0.05

Found = TypeVar("Found")


async def eventually(look: Callable[[], Awaitable[Found | None]], what: str, *, timeout: float = PATIENCE) -> Found:
    """Look again and again until there is something, and return it; `timeout` is in seconds."""
    deadline = time.monotonic() + timeout
    while not (found := await look()):
        assert time.monotonic() < deadline, f"not within {timeout:g} s: {what}; the last look: {found!r}"
        await asyncio.sleep(LOOK_EVERY)
    return found
