"""The recovery measurement on a real system. How long a pause is here says nothing: the machine does other things."""

from __future__ import annotations

import pytest

from bench.recovery.main import measure
from bench.recovery.options import Options
from bench.recovery.scene import PROCESSES, SETTINGS, Calm
from history.times import Times
from tests.conftest import MakeStack

PATIENT = Calm(seconds=1, pause=10, timeout=300)
"""Whatever a slow machine makes of dialling counts as even."""

SOON = {"DIAL_TIMEOUT": "5", "SETTLE_AFTER": "1", "ABSENT_AFTER": "2"}
"""A call that was on the wire at the death is decided sooner than in earnest, and the ledger judged."""


async def test_a_round_of_a_kill_gives_a_figure_and_a_clean_ledger(make_stack: MakeStack) -> None:
    stack = await make_stack(PROCESSES, SETTINGS | SOON)
    told: list[str] = []
    options = Options(rounds=1, only=("kill",), calm=PATIENT)
    report = await measure(stack, options, told.append, Times.picked(SOON))
    (pause,) = report.figures["kill"].values
    assert pause > 0
    (line,) = [line for line in told if line.startswith("kill 1 of 1: ")]
    assert float(line.split()[-2]) == pytest.approx(pause, abs=0.001)  # each is rounded by itself
    assert report.counts["calls"] > 0
    assert report.counts["violations"] == 0
    assert report.machine.postgresql is not None
    taken = [
        line["epoch"]
        for name in ("dispatcher", "dispatcher2")
        for line in stack.logs(name)
        if line["event"] == "LEASE_TAKEN"
    ]
    assert len(taken) == 2
