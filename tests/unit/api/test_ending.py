"""Until when an answer to a cancel waits, whatever the database says."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any, cast

import pytest

from services.api import ending
from shared.errors import DatabaseAway

SOON = 0.3
FAR = 300.0


async def wait(monkeypatch: pytest.MonkeyPatch, counts: list[int | Exception], send_within: float) -> float:
    """Return how long it waited while the database said this, the last of it again and again."""

    async def count_unsent(*_: object) -> int:
        said = counts.pop(0) if len(counts) > 1 else counts[0]
        if isinstance(said, Exception):
            raise said
        return said

    monkeypatch.setattr(ending, "count_unsent", count_unsent)
    api = SimpleNamespace(settings=SimpleNamespace(send_within=send_within))
    asker = SimpleNamespace(db=None, business_id=1)
    began = time.monotonic()
    await ending.until_nothing_starts(cast(Any, api), cast(Any, asker), 1)
    return time.monotonic() - began


async def test_it_answers_at_once_when_no_call_can_start(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await wait(monkeypatch, [0], FAR) < FAR


async def test_it_asks_again_until_the_last_call_has_its_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    counts: list[int | Exception] = [2, 1, 0]
    assert await wait(monkeypatch, counts, FAR) < FAR
    assert counts == [0]


async def test_after_the_longest_time_to_send_it_is_certain_anyway(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await wait(monkeypatch, [1], SOON) >= SOON


async def test_without_the_database_it_waits_as_long_as_a_dial_could_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Breaks when an outage makes a cancel promise what it does not know."""
    assert await wait(monkeypatch, [1, DatabaseAway()], SOON) >= SOON
