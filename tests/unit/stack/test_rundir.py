"""The folder of a run: whose it is, and what becomes of what a killed run left."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from stack.environment import base_environment
from stack.rundir import RunDir

CLAIM = """
import sys
from pathlib import Path
from stack.rundir import RunDir
run = RunDir("demo", Path(sys.argv[1]))
(run.state / "data").write_text("much")
run.log("api").write_text("last words")
print(run.name, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    return tmp_path / "runs"


def test_two_runs_of_one_name_do_not_meet(runs: Path) -> None:
    first, second = RunDir("demo", runs), RunDir("demo", runs)
    names = (first.name, second.name)
    first.release()
    second.release()
    assert names == ("demo", "demo-2")


def test_a_released_run_leaves_its_logs_and_nothing_else(runs: Path) -> None:
    run = RunDir("demo", runs)
    (run.state / "data").write_text("much")
    run.log("api").write_text("last words")
    run.release()
    assert sorted(path.name for path in run.path.iterdir()) == ["lock", "logs"]
    assert run.log("api").read_text() == "last words"


def test_a_run_that_keeps_no_logs_leaves_nothing(runs: Path) -> None:
    run = RunDir("demo", runs)
    run.release(keep_logs=False)
    assert list(runs.iterdir()) == []


def test_what_a_killed_run_left_is_swept_by_the_next_of_any_name(runs: Path) -> None:
    command = [sys.executable, "-c", CLAIM, str(runs)]
    killed = subprocess.Popen(command, env=base_environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with killed:
        assert killed.stdout is not None
        assert killed.stdout.readline() == "demo\n"
        alive_beside = RunDir("other", runs)
        assert (runs / "demo" / "state" / "data").exists(), "the state of a run that lives was swept"
        killed.send_signal(signal.SIGKILL)
        killed.wait()
    later = RunDir("another", runs)
    assert not (runs / "demo" / "state").exists()
    assert (runs / "demo" / "logs" / "api.log").read_text() == "last words"
    again = RunDir("demo", runs)
    assert again.name == "demo"
    assert list(again.logs.iterdir()) == []
    for run in (alive_beside, later, again):
        run.release()
