"""A few crash points of many, chosen by `SEED`: `make crash-points` tries them all."""

from __future__ import annotations

import os
import random

from stack.system import together
from tests.crashpoints.points import Fault, Point
from tests.crashpoints.scenes import Scenes
from tests.crashpoints.trial import Trial

SEED = int(os.environ.get("SEED", "1"))

DEATHS = {
    "api": ["api.start.before", "api.start.committed", "api.cancel.committed", "api.import.merged"],
    "webhook": ["webhook.record.before", "webhook.record.committed", "webhook.release.handed"],
    "dispatcher": [
        "dispatcher.claim.committed",
        "create.bytes.sent",
        "provider.answer.begun",
        "dispatcher.record.before",
    ],
    "reaper": ["reaper.settle.before", "reaper.settle.committed", "reaper.list.answered", "reaper.looks.taken"],
}
"""Where each of them may die once; the dispatcher dies twice."""


async def test_deaths_of_all_services_and_a_freeze_cost_nobody_a_second_ring(trials: tuple[Trial, Trial]) -> None:
    """In two campaigns at once: both wait most of the time."""
    await together(die_everywhere(trials[0]), freeze_before_the_check(trials[1]))


async def die_everywhere(trial: Trial) -> None:
    chance = random.Random(SEED)
    faults = [Fault(Point(service, chance.choice(names))) for service, names in DEATHS.items()]
    faults.append(Fault(Point("dispatcher", chance.choice(DEATHS["dispatcher"]))))
    struck = await trial.run(*faults, scenes=Scenes.needed(*faults, standby=False))
    assert sorted(struck, key=str) == sorted(faults, key=str), f"SEED={SEED}"


async def freeze_before_the_check(trial: Trial) -> None:
    fault = Fault(Point("dispatcher", "create.deadline.asking"), "stop", 2)
    assert await trial.run(fault, scenes=Scenes.needed(fault, standby=True)) == [fault]
