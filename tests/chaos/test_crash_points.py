"""A campaign that passes every crash point, then the same one under a fault at each of them.

`SEED` chooses the pass at which a point strikes, the pairs and whether a standby waits; `PAIRS` is the number of pairs.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from pathlib import Path

import pytest

from tests.crashpoints.points import POINTS, Fault, Point, frozen, killed, pairs
from tests.crashpoints.rig import OPERATOR, SERVICES
from tests.crashpoints.scenes import ALL_SCENES, Scenes
from tests.crashpoints.trial import Trial

SEED = int(os.environ.get("SEED", "1"))
PAIRS = int(os.environ.get("PAIRS", "40"))


async def test_a_campaign_passes_every_point(trial: Trial, tmp_path: Path) -> None:
    """A point that no campaign passes is one at which nothing was ever tried."""
    record = tmp_path / "passed"
    await trial.run(scenes=ALL_SCENES, record=record)
    for name in SERVICES:
        await trial.rig.stack.stop(name)
    passed = recorded(record)
    print("\n".join(f"{count:6} {point}" for point, count in sorted(passed.items(), key=str)))  # noqa: T201
    assert sorted(map(str, set(POINTS) - set(passed))) == []
    assert sorted(map(str, set(passed) - set(POINTS))) == []


def recorded(record: Path) -> Counter[Point]:
    """How often each service passed each point."""
    files = {name: Path(f"{record}.{name}") for name in (*SERVICES, OPERATOR)}
    return Counter(Point(name, line) for name, file in files.items() for line in file.read_text().split())


@pytest.mark.parametrize("fault", killed(POINTS, SEED), ids=str)
async def test_a_process_killed_at_a_point_costs_nobody_a_second_ring(trial: Trial, fault: Fault) -> None:
    standby = random.Random(f"{SEED} {fault}").random() < 0.5
    assert await trial.run(fault, scenes=Scenes.needed(fault, standby=standby)) == [fault]


@pytest.mark.parametrize("pair", pairs(PAIRS, SEED), ids=lambda pair: "+".join(map(str, pair)))
async def test_two_deaths_in_one_campaign_cost_nobody_a_second_ring(trial: Trial, pair: tuple[Fault, Fault]) -> None:
    struck = await trial.run(*pair, scenes=Scenes.needed(*pair, standby=False))
    assert struck, "neither fault struck"


@pytest.mark.parametrize("fault", frozen(POINTS), ids=str)
async def test_a_process_frozen_past_lease_and_deadlines_rings_nobody_again(trial: Trial, fault: Fault) -> None:
    assert await trial.run(fault, scenes=Scenes.needed(fault, standby=True)) == [fault]
