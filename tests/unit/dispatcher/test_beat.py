"""When the next look is due."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from services.dispatcher import beat
from services.dispatcher.advance import Advancer
from services.dispatcher.beat import Beat
from services.dispatcher.lease import LeaseKeeper
from services.dispatcher.term import Term
from shared.db import Database
from shared.queries import dispatching


class World:
    """A database that counts beats, and a broker that may be away."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.beats = 0
        self.deaf = False
        monkeypatch.setattr(dispatching, "beat", self._beat)
        monkeypatch.setattr(beat, "UNTOLD", 0.01)
        monkeypatch.setattr(beat, "OTHERS_RETURN", 600.0)

    async def _beat(self, *_: object) -> dispatching.Beat:
        self.beats += 1
        return dispatching.Beat(held=True, adopted={}, hungry=())

    def beat(self, interval: float) -> Beat:
        nobody = cast(Advancer, None), cast(LeaseKeeper, None)
        return Beat(cast(Database, None), *nobody, "a worker", interval, lambda: self.deaf)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


async def beats(world: World, count: int) -> None:
    async with asyncio.timeout(60):
        while world.beats < count:  # noqa: ASYNC110 - what is watched sets no event
            await asyncio.sleep(0.005)


async def test_a_beat_is_not_awaited_once_no_hints_come(world: World) -> None:
    term = Term(1)
    running = asyncio.create_task(world.beat(3600).run(term))
    await beats(world, 1)
    world.deaf = True
    await beats(world, 5)
    term.end()
    await running


async def test_the_looks_go_on_when_the_broker_is_back_until_those_who_tell_are_back_too(world: World) -> None:
    term = Term(1)
    world.deaf = True
    running = asyncio.create_task(world.beat(3600).run(term))
    await beats(world, 2)
    world.deaf = False
    seen = world.beats
    await beats(world, seen + 4)
    term.end()
    await running


async def test_with_hints_the_next_beat_comes_after_its_interval(world: World) -> None:
    term = Term(1)
    running = asyncio.create_task(world.beat(3600).run(term))
    await beats(world, 1)
    assert not await term.over_within(0.2)
    assert world.beats == 1
    term.end()
    await running


async def test_a_short_interval_is_kept_with_hints_too(world: World) -> None:
    term = Term(1)
    running = asyncio.create_task(world.beat(0.015).run(term))
    await beats(world, 3)
    term.end()
    await running
