"""Ending a program with what it started."""

import os
import sys
from pathlib import Path

from bench.baselines.sessions import kill_session
from stack.environment import base_environment
from stack.processes import Child

FORKS = """
import os, pathlib, sys, time
if os.fork() == 0:
    os.setpgid(0, 0)
    pathlib.Path(sys.argv[1]).write_text(str(os.getpid()))
time.sleep(600)
"""


async def test_a_child_in_a_process_group_of_its_own_ends_too(tmp_path: Path) -> None:
    """Breaks when only the group is killed: RQ's work horses lead groups of their own."""
    told = tmp_path / "pid"
    child = Child("forks", [sys.executable, "-c", FORKS, str(told)], env=base_environment(), log=tmp_path / "log")
    child.start()
    try:

        async def named() -> bool:
            return bool(_text(told))

        await child.until(named, 60)
        other = int(_text(told))
    finally:
        kill_session(child)
    assert not child.running
    assert not _runs(other)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z" and os.getsid(pid) > 0
    except (FileNotFoundError, ProcessLookupError):
        return False


def _text(path: Path) -> str:
    return path.read_text() if path.exists() else ""
