"""Waiting until a campaign goes on: how long an engine takes to begin is no part of how fast it is."""

from __future__ import annotations

import asyncio
import time

from bench.record import Record
from bench.site import Site

TIMEOUT = 30.0
LOOK_EVERY = 0.1


async def under_way(site: Site, calls: int, since: float = 0.0) -> None:
    """Until so many calls were asked for since then, at most half a minute."""
    deadline = time.monotonic() + TIMEOUT
    while time.monotonic() < deadline:
        if sum(call.asked >= since for call in Record.read(site.ledger).calls) >= calls:
            return
        await asyncio.sleep(LOOK_EVERY)
