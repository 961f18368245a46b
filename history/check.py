"""Reads everything that is to be judged."""

from __future__ import annotations

import asyncio
import time

from history.actions import read_actions
from history.caps import Caps, read_caps
from history.database import count_under_way, read_rows
from history.faults import Faults, read_faults
from history.history import History
from history.ledger import read_ledger
from history.options import Options

LOOK_EVERY = 0.25


async def read_history(options: Options) -> History:
    """Ledger, rows and notes. Raises Unreadable.

    The rows are read first: a call made in between is in the ledger and not in the rows, so that a system that is not
    at rest is told so, and never wrongly believed.
    """
    await _rest(options)
    rows = await read_rows(options.database)
    return History(
        ledger=read_ledger(options.ledger),
        rows=rows,
        times=options.times,
        caps=read_caps(options.caps) if options.caps else Caps(),
        actions=read_actions(options.actions) if options.actions else None,
        faults=read_faults(options.faults) if options.faults else Faults(),
        skew=options.skew,
        transit=options.transit,
        patience=options.patience,
    )


async def _rest(options: Options) -> None:
    """Wait until nothing is under way, in the database and then at the provider, but no longer than was asked for."""
    deadline = time.monotonic() + options.wait
    while time.monotonic() < deadline:
        if not await count_under_way(options.database) and _provider_rests(options):
            return
        await asyncio.sleep(LOOK_EVERY)


def _provider_rests(options: Options) -> bool:
    return all(call.ended_at is not None for call in read_ledger(options.ledger).calls)
