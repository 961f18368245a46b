"""A few crash points of many, chosen by `SEED`: `make crash-points` tries them all."""

from __future__ import annotations

import os
import random

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


async def test_a_death_of_each_service_in_one_campaign_costs_nobody_a_second_ring(trial: Trial) -> None:
    chance = random.Random(SEED)
    faults = [Fault(Point(service, chance.choice(names))) for service, names in DEATHS.items()]
    faults.append(Fault(Point("dispatcher", chance.choice(DEATHS["dispatcher"]))))
    struck = await trial.run(*faults, scenes=Scenes.needed(*faults, standby=False))
    assert sorted(struck, key=str) == sorted(faults, key=str), f"SEED={SEED}"


async def test_a_dispatcher_frozen_before_its_deadline_check_rings_nobody_again(trial: Trial) -> None:
    fault = Fault(Point("dispatcher", "create.deadline.asking"), "stop", 2)
    assert await trial.run(fault, scenes=Scenes.needed(fault, standby=True)) == [fault]
