"""What the client library does to a call is kept from whoever made it."""

from __future__ import annotations

import asyncio

import pytest

from shared.errors import BrokerAway
from shared.library import reason_of, within


async def stubborn(swallowed: list[str]) -> None:
    """Swallows a cancellation, as the library does."""
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        swallowed.append("cancelled")
        await asyncio.sleep(0.05)
        raise RuntimeError("said to nobody") from None


async def test_an_answer_in_time_is_returned_and_an_error_raised() -> None:
    async def fail() -> None:
        raise OSError("broken pipe")

    assert await within(5, asyncio.sleep(0, "answer")) == "answer"
    with pytest.raises(OSError, match="broken pipe"):
        await within(5, fail())


async def test_a_lost_connection_that_looks_like_a_cancellation_is_an_error() -> None:
    async def lost() -> None:
        raise asyncio.CancelledError

    with pytest.raises(BrokerAway, match="lost"):
        await within(5, lost())


async def test_a_call_that_ignores_its_end_is_not_waited_for() -> None:
    swallowed: list[str] = []
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(within(0.01, stubborn(swallowed)), 60)
    await asyncio.sleep(0.2)
    assert swallowed == ["cancelled"]


async def test_a_real_cancellation_passes_and_ends_the_call() -> None:
    swallowed: list[str] = []
    waiting = asyncio.create_task(within(60, stubborn(swallowed)))
    await asyncio.sleep(0.01)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await asyncio.sleep(0.2)
    assert swallowed == ["cancelled"]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (TimeoutError(), "no answer in time"),
        (BrokerAway("gone"), "gone"),
        (ValueError("first\nsecond"), "ValueError: first"),
        (ValueError("x" * 1000), "ValueError: " + "x" * 188),
    ],
)
def test_a_reason_is_one_short_line(error: Exception, reason: str) -> None:
    assert reason_of(error) == reason
