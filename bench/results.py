"""The results of one bench as they are kept: one JSON file, with the machine and the form in which it was measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from bench.bench import Measured
from bench.machine import Machine

FILE = "bench.json"
LAYOUT = 1


@dataclass(frozen=True)
class Results:
    """`measured` is by measure, then engine. `seconds` is how long it all took."""

    machine: Machine
    form: str
    rounds: int
    began: str
    seconds: float
    measured: Mapping[str, Mapping[str, Measured]]

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
        about = {"layout": LAYOUT, "form": self.form, "rounds": self.rounds, "began": self.began}
        return {**about, "seconds": round(self.seconds), "machine": self.machine.as_json(), "measured": measured}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Results:
        """What `as_json` described."""
        measured = {
            measure: {engine: Measured.from_json(one) for engine, one in engines.items()}
            for measure, engines in fields["measured"].items()
        }
        machine = Machine.from_json(fields["machine"])
        return cls(machine, fields["form"], fields["rounds"], fields["began"], fields["seconds"], measured)
