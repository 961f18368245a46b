"""Calls into the AMQP client library, as far as they need to be kept at arm's length.

Rules: the library may swallow a cancellation, answer one by leaving a connection open for ever, and report a lost
connection as a bare CancelledError; so each call runs in a task of its own that we stop waiting for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from shared.errors import BrokerAway

T = TypeVar("T")

_abandoned: set[asyncio.Task[Any]] = set()


async def within(seconds: float, call: Coroutine[Any, Any, T]) -> T:
    """Return what a call returns; TimeoutError after `seconds`, BrokerAway when its connection was lost."""
    task = asyncio.create_task(call)
    try:
        await asyncio.wait({task}, timeout=seconds)
    finally:
        if not task.done():
            abandon(task)
    if not task.done():
        raise TimeoutError
    if task.cancelled():
        raise BrokerAway("the connection was lost")
    return task.result()


def abandon(task: asyncio.Task[Any]) -> None:
    """Cancel a task without waiting for it to notice; what it still raises is of no interest to anybody."""
    task.cancel()
    _abandoned.add(task)
    task.add_done_callback(_forget)


def reason_of(error: BaseException) -> str:
    """Return an error in one short line: some of the library's quote whole frames."""
    if isinstance(error, BrokerAway):
        return str(error)
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return f"{type(error).__name__}: {error}".splitlines()[0][:200]


def _forget(task: asyncio.Task[Any]) -> None:
    _abandoned.discard(task)
    if not task.cancelled():
        task.exception()
