"""Ends a program with everything that it started, whatever process groups those made of themselves.

A child of stack.processes leads a session; what it forks stays in it.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

from stack.processes import Child

PROC = Path("/proc")


def kill_session(child: Child) -> None:
    """SIGKILL for all of them at once, and collect the child."""
    if child.running:
        child.send(signal.SIGKILL)
        while members := _members(child.pid):
            for pid in members:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
    child.end()


def _members(leader: int) -> list[int]:
    """Who lives in this session, its leader excepted; the leader is not collected, so its number is nobody else's."""
    pids = (int(folder.name) for folder in PROC.iterdir() if folder.name.isdigit())
    return [pid for pid in pids if pid != leader and _session(pid) == leader and not _is_zombie(pid)]


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None


def _is_zombie(pid: int) -> bool:
    try:
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True
