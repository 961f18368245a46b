"""Finds Java, which the model checker runs on."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

HOW_TO_INSTALL = (
    "Java is needed by the model checker and was not found; install it (package default-jre-headless) and try again"
)
_INSTALL = Path(__file__).with_name("install_java.sh")


class JavaMissingError(Exception):
    """There is no Java that runs."""


def find_java() -> str:
    """The program; of JAVA_HOME where that is set. Raises JavaMissingError, whose text says what to install."""
    home = os.environ.get("JAVA_HOME")
    for candidate in (f"{home}/bin/java" if home else None, shutil.which("java")):
        if candidate and _runs(candidate):
            return candidate
    raise JavaMissingError(HOW_TO_INSTALL)


def provide_java() -> str:
    """As `find_java`, and installs it first where there is none and that is allowed."""
    try:
        return find_java()
    except JavaMissingError:
        subprocess.run([str(_INSTALL)], stdin=subprocess.DEVNULL, check=False)  # noqa: S603 - our own script
        return find_java()


def _runs(candidate: str) -> bool:
    """Whether it is a Java: some systems have a program of that name that only says where to get one."""
    try:
        asked = subprocess.run([candidate, "-version"], capture_output=True, timeout=60, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return False
    return asked.returncode == 0
