"""Crash points: nothing when off, exactly what is planned when on, one line for a plan that makes no sense."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from shared.crashpoints import VARIABLE
from stack.environment import base_environment

PROGRAM = """
import asyncio
from shared.crashpoints import arm, crash_point, crash_point_soon
arm("probe")
async def main():
    for name in ("probe.one.passed", "probe.two.passed", "probe.one.passed"):
        crash_point(name)
        print(name, flush=True)
    crash_point_soon("probe.late.passed")
    print("handed", flush=True)
    await asyncio.sleep(0.01)
    print("end", flush=True)
asyncio.run(main())
"""
PASSES = ["probe.one.passed", "probe.two.passed", "probe.one.passed"]


def probe(plan: str | None) -> subprocess.CompletedProcess[str]:
    environment = base_environment()
    if plan is not None:
        environment[VARIABLE] = plan
    return subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("plan", [None, "", "{}", '{"at": {}}'])
def test_without_a_plan_nothing_happens(plan: str | None) -> None:
    done = probe(plan)
    assert (done.returncode, done.stdout.split()) == (0, [*PASSES, "handed", "end"])


def test_every_pass_is_recorded_in_its_order(tmp_path: Path) -> None:
    record = tmp_path / "passed"
    assert probe(json.dumps({"record": str(record)})).returncode == 0
    assert record.read_text().split() == [*PASSES, "probe.late.passed"]


def test_the_process_is_killed_at_the_pass_that_was_named_and_no_line_later(tmp_path: Path) -> None:
    record = tmp_path / "passed"
    done = probe(json.dumps({"record": str(record), "at": {"probe.one.passed": {"do": "kill", "nth": 2}}}))
    assert (done.returncode, done.stdout.split()) == (-signal.SIGKILL, PASSES[:2])
    assert record.read_text().split() == PASSES


def test_a_late_point_is_passed_in_a_later_turn_of_the_loop() -> None:
    done = probe(json.dumps({"at": {"probe.late.passed": {"do": "kill"}}}))
    assert (done.returncode, done.stdout.split()) == (-signal.SIGKILL, [*PASSES, "handed"])


def test_a_process_that_was_stopped_goes_on_where_it_was() -> None:
    plan = json.dumps({"at": {"probe.two.passed": {"do": "stop"}}})
    environment = {**base_environment(), VARIABLE: plan}
    with subprocess.Popen([sys.executable, "-c", PROGRAM], env=environment, stdout=subprocess.PIPE, text=True) as child:
        _, status = os.waitpid(child.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        child.send_signal(signal.SIGCONT)
        said, _ = child.communicate(timeout=60)
    assert (child.returncode, said.split()) == (0, [*PASSES, "handed", "end"])


@pytest.mark.parametrize(
    "plan",
    [
        "kill",
        "[]",
        '{"at": {"one": {"do": "kill"}}}',
        '{"at": {"probe.one.passed": "kill"}}',
        '{"at": {"probe.one.passed": {"do": "explode"}}}',
        '{"at": {"probe.one.passed": {"do": "kill", "nth": 0}}}',
        '{"records": "/tmp/passed"}',
        '{"record": "relative"}',
        '{"record": "/nowhere/at/all"}',
    ],
)
def test_a_plan_that_makes_no_sense_is_refused_with_one_line(plan: str) -> None:
    done = probe(plan)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert VARIABLE in done.stderr
