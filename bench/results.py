"""The results of one bench as they are kept: one JSON file, with the machine and the form in which it was measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from bench.bench import Measured
from bench.machine import Machine

FILE = "bench.json"
LAYOUT = 1
PLAIN = ("form", "rounds", "began", "load_before", "seconds")


@dataclass(frozen=True)
class Results:
    """`measured` is by measure, then engine; `load_before` the load average (one minute) before it began, ISO 8601.

    `left_out` has the engines that could not be had, and why.
    """

    machine: Machine
    form: str
    rounds: int
    began: str
    load_before: float
    seconds: float
    measured: Mapping[str, Mapping[str, Measured]]
    left_out: Mapping[str, str] = field(default_factory=dict)

    def write(self, folder: Path) -> Path:
        """Write the file into this folder, which is made if it is missing."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / FILE
        path.write_bytes(orjson.dumps(self.as_json(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
        return path

    @classmethod
    def read(cls, folder: Path) -> Results:
        """The results that `write` left there. Raises OSError."""
        return cls.from_json(orjson.loads((folder / FILE).read_bytes()))

    def as_json(self) -> dict[str, Any]:
        measured = {
            measure: {engine: one.as_json() for engine, one in engines.items()}
            for measure, engines in self.measured.items()
        }
        about = {name: getattr(self, name) for name in PLAIN}
        kept = {"machine": self.machine.as_json(), "left_out": dict(self.left_out), "measured": measured}
        return {"layout": LAYOUT, **about, **kept}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Results:
        """What `as_json` described."""
        measured = {
            measure: {engine: Measured.from_json(one) for engine, one in engines.items()}
            for measure, engines in fields["measured"].items()
        }
        about = {name: fields[name] for name in PLAIN}
        machine = Machine.from_json(fields["machine"])
        return cls(machine=machine, measured=measured, left_out=dict(fields.get("left_out", {})), **about)
