"""What a measurement leaves behind: one JSON file in `bench/results`, in the one form that the documents read.

The form is described in bench/results/README.md.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.figures import Figure
from bench.machine import Machine

RESULTS = Path(__file__).with_name("results")


@dataclass(frozen=True)
class Report:
    """What was run, when, where, and what came of it.

    `load_before` is the machine's load average (one minute) before the measurement; `counts` are things that were
    counted, `figures` what was measured, `settings` what was set to other values than the contract's defaults.
    """

    command: str
    machine: Machine
    measured_at: datetime
    load_before: float
    counts: Mapping[str, int] = field(default_factory=dict)
    figures: Mapping[str, Figure] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> Report:
        """The report in this file. Raises OSError, and ValueError where it is no report."""
        content = json.loads(path.read_bytes())
        try:
            return cls(
                command=str(content["command"]),
                machine=Machine.from_json(content["machine"]),
                measured_at=datetime.fromisoformat(content["measured_at"]),
                load_before=float(content["load_before"]),
                counts={name: int(count) for name, count in content["counts"].items()},
                figures={name: Figure.from_json(one) for name, one in content["figures"].items()},
                settings={name: str(value) for name, value in content["settings"].items()},
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{path} is no report: {type(error).__name__} {error}") from error

    def write(self, path: Path) -> None:
        """Write it there, whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        draft.write_text(json.dumps(self.as_json(), indent=1, ensure_ascii=False) + "\n")
        draft.replace(path)

    def as_json(self) -> dict[str, Any]:
        return {
            "command": self.command,
            "measured_at": self.measured_at.isoformat(timespec="seconds"),
            "load_before": round(self.load_before, 2),
            "machine": self.machine.as_json(),
            "settings": dict(self.settings),
            "counts": dict(self.counts),
            "figures": {name: figure.as_json() for name, figure in self.figures.items()},
        }


def now() -> datetime:
    """The moment for `measured_at`, in UTC to the second."""
    return datetime.now(UTC).replace(microsecond=0)
