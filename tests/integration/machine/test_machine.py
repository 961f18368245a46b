"""A machine that does everything to campaigns in any order, and a model that says what the database should hold then.

The ordinary form makes the same examples each time. A longer one draws new ones, prints how many there were, and says
how to repeat a failure: set MACHINE_EXAMPLES (and MACHINE_STEPS, 30 unless set) and run this file, for example
`MACHINE_EXAMPLES=2000 MACHINE_STEPS=80 .venv/bin/pytest -s tests/integration/machine`.
"""

import os
import sys
from functools import partial

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.integration.machine.drain import CampaignMachine
from tests.integration.machine.world import World

EXAMPLES = int(os.environ.get("MACHINE_EXAMPLES", "0"))
ALWAYS_REACHED = {"claim slots", "dial accepted", "dial uncertain", "callback recorded", "look absent", "lease taken",
                  "beat held", "cancel done", "stop done", "force_cancel done", "sweep nudged"}  # fmt: skip
STEPS = int(os.environ.get("MACHINE_STEPS", "30"))


AS_A_RULE, AT_MOST = 30, 120
"""Examples of the ordinary form. Which they are depends on the words of the code, and thirty may not go everywhere."""


def profile(examples: int) -> settings:
    """So many examples, the same each time, or as many new ones as the environment asks for."""
    return settings(
        max_examples=EXAMPLES or examples,
        stateful_step_count=STEPS,
        derandomize=not EXAMPLES,
        database=None,
        deadline=None,
        print_blob=bool(EXAMPLES),
        report_multiple_bugs=False,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )


def test_the_database_holds_what_the_model_says_whatever_happens(database_url: str) -> None:
    """A state that the model lacks is a lead rung twice, forgotten, or a slot that nobody frees."""
    world = World(database_url)
    try:
        for examples in (AS_A_RULE, AT_MOST):
            if not world.reached.keys() >= ALWAYS_REACHED:
                run_state_machine_as_test(
                    partial(CampaignMachine, world),  # type: ignore[arg-type]
                    settings=profile(examples),
                )
        assert world.reached.keys() >= ALWAYS_REACHED, "a machine that stands still proves nothing"
        assert world.drained > 0
        reached = ", ".join(f"{word} {count}" for word, count in sorted(world.reached.items()))
        sys.stdout.write(
            f"\nmachine: {world.examples} examples, {world.steps} steps, {world.creates} creates, "
            f"{world.drained} brought to rest\nreached: {reached}\n"
        )
    finally:
        world.close()
