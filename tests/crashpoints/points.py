"""Which service passes which point, and what is tried there."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass

from tests.crashpoints.source import all_names

SHARED: dict[str, tuple[str, ...]] = {
    "api.reseal": ("operator",),
    "broker.hint": ("dispatcher",),
    "broker.publish": ("api", "webhook", "reaper"),
    "corrections.stale": ("api", "reaper"),
    "create.answer": ("dispatcher",),
    "create.bytes": ("dispatcher",),
    "create.deadline": ("dispatcher",),
    "dispatcher.word": ("operator",),
    "leads.intake": ("api",),
    "provider.answer": ("dispatcher", "reaper"),
    "provider.request": ("dispatcher", "reaper"),
}
"""Who passes the points of shared modules, and of commands, by step."""

OFTEN = {"create.", "dispatcher.beat.", "dispatcher.claim.", "dispatcher.create.", "webhook.record.", "webhook.status."}
"""What every campaign passes three times and more."""


@dataclass(frozen=True)
class Point:
    """A point as one service passes it."""

    service: str
    name: str

    def __str__(self) -> str:
        return f"{self.service}:{self.name}"

    @property
    def step(self) -> str:
        return self.name.rpartition(".")[0]


@dataclass(frozen=True)
class Fault:
    """What is done at a point, at which pass."""

    point: Point
    do: str = "kill"
    nth: int = 1

    def __str__(self) -> str:
        return f"{self.do}-{self.point}-{self.nth}"

    @property
    def plan(self) -> str:
        """The value of RINGFENCE_CRASH_POINTS."""
        return json.dumps({"at": {self.point.name: {"do": self.do, "nth": self.nth}}})


def _services(name: str) -> tuple[str, ...]:
    step = name.rpartition(".")[0]
    return SHARED.get(step, (name.partition(".")[0],))


POINTS = [Point(service, name) for name in sorted(all_names()) for service in _services(name)]


def killed(points: Sequence[Point], seed: int) -> list[Fault]:
    """A kill at each of these points; where it is passed often, at one of the first three passes."""
    chance = random.Random(seed)
    return [Fault(point, "kill", chance.randint(1, 3) if _is_often(point) else 1) for point in points]


def pairs(number: int, seed: int) -> list[tuple[Fault, Fault]]:
    """So many pairs of different points."""
    chance = random.Random(seed)
    return [(Fault(first), Fault(second)) for first, second in (chance.sample(POINTS, 2) for _ in range(number))]


def frozen(points: Sequence[Point]) -> list[Fault]:
    """A freeze at each of these points."""
    return [Fault(point, "stop") for point in points]


def _is_often(point: Point) -> bool:
    return any(point.name.startswith(often) for often in OFTEN)
