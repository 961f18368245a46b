"""Named places at which a test makes this process die or freeze.

Rules: nothing happens anywhere unless RINGFENCE_CRASH_POINTS was set when the process began; off, a point costs a call
and one comparison. A point changes nothing: what it asks of the process is what a machine may do to it at any time.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Final, Literal, NoReturn

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.settings import refuse

VARIABLE: Final = "RINGFENCE_CRASH_POINTS"
NAME: Final = r"^[a-z_]+\.[a-z_]+\.[a-z_]+$"

Name = Annotated[str, Field(pattern=NAME)]


class Fault(BaseModel):
    """What is done at a point: `kill` is SIGKILL, `stop` is SIGSTOP, at the nth time that it is passed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    do: Literal["kill", "stop"]
    nth: Annotated[int, Field(ge=1)] = 1


class Plan(BaseModel):
    """The value of RINGFENCE_CRASH_POINTS: a file for the names that are passed, and faults by name."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    record: Annotated[str | None, Field(pattern="^/")] = None
    at: Mapping[Name, Fault] = {}


_SIGNALS: Final = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}


class Armed:
    """A plan in force."""

    def __init__(self, plan: Plan) -> None:
        self._at = plan.at
        self._passes: Counter[str] = Counter()
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        self._record = None if plan.record is None else os.open(plan.record, flags, 0o644)

    def passed(self, name: str) -> None:
        """Write the name down, and do what is planned at this pass."""
        self._passes[name] += 1
        if self._record is not None:
            os.write(self._record, f"{name}\n".encode())
        fault = self._at.get(name)
        if fault is not None and self._passes[name] == fault.nth:
            os.kill(os.getpid(), _SIGNALS[fault.do])


_armed: Armed | None = None


def crash_point(name: str) -> None:
    """Pass a point, named `service.step.moment`."""
    if _armed is not None:
        _armed.passed(name)


def crash_point_soon(name: str, seconds: float = 0.0) -> None:
    """Pass a point in a later turn of the event loop, when what was handed to it in this one has left the process."""
    if _armed is not None:
        asyncio.get_running_loop().call_later(seconds, _armed.passed, name)


def arm(program: str) -> None:
    """Read the environment; end the process with status 2 and one line where it makes no sense."""
    global _armed
    text = os.environ.get(VARIABLE, "").strip()
    if not text:
        return
    try:
        _armed = Armed(Plan.model_validate_json(text))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        _refuse(program, f"{where}: {first['msg']}" if where else first["msg"])
    except OSError as error:
        _refuse(program, f"record cannot be written ({error.strerror})")


def _refuse(program: str, why: str) -> NoReturn:
    refuse(program, [f"{VARIABLE} {why}"])
