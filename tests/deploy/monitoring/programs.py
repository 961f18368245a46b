"""Where the monitoring programs are: on PATH, or where deploy/tools/prometheus.sh unpacked them."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
UNPACKED = ROOT / ".tools" / "prometheus" / "usr" / "bin"
PROMETHEUS = ROOT / "deploy" / "prometheus"


def program(name: str) -> str:
    """Its path; the test is skipped, and says why, where this machine has none."""
    found = shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), str(UNPACKED)]))
    if found is None:
        pytest.skip(f"{name} is not on this machine: run deploy/tools/prometheus.sh")
    return found


def answer(name: str, *arguments: str | Path) -> str:
    """What a program prints; the test fails with all of it when the program does."""
    command = [program(name), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def printed(name: str, *arguments: str | Path, given: str) -> str:
    """What a program prints, whatever its exit status."""
    command = [program(name), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, input=given, timeout=300)
    return done.stdout + done.stderr
