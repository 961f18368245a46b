"""A few crash points of many, chosen by `SEED`: `make crash-points` tries them all."""

from __future__ import annotations

import os
import random

import pytest

from tests.crashpoints.campaign import Scenes
from tests.crashpoints.points import Fault, Point
from tests.crashpoints.trial import Trial

SEED = int(os.environ.get("SEED", "1"))

CHOICES = [
    [Fault(Point("dispatcher", name)) for name in ("dispatcher.claim.committed", "dispatcher.record.before")],
    [Fault(Point("dispatcher", name), nth=2) for name in ("create.bytes.sent", "provider.answer.begun")],
    [Fault(Point("webhook", name), nth=2) for name in ("webhook.record.committed", "webhook.record.before")],
    [Fault(Point("reaper", name)) for name in ("reaper.settle.before", "reaper.settle.committed")],
]


@pytest.mark.parametrize("fault", [random.Random(SEED).choice(faults) for faults in CHOICES], ids=str)
async def test_a_process_killed_at_a_point_costs_nobody_a_second_ring(trial: Trial, fault: Fault) -> None:
    assert await trial.run(fault, scenes=Scenes.needed(fault, standby=False)) == [fault]


async def test_a_dispatcher_frozen_before_its_deadline_check_rings_nobody_again(trial: Trial) -> None:
    fault = Fault(Point("dispatcher", "create.deadline.asking"), "stop", 2)
    assert await trial.run(fault, scenes=Scenes.needed(fault, standby=True)) == [fault]
