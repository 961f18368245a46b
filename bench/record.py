"""The provider's ledger as the bench reads it: each call's request, its terminal callback and its end.

Times are seconds of the machine's monotonic clock, as the provider read it, and comparable with our own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from bench.work import business_of

TERMINAL = frozenset({"completed", "busy", "no-answer", "failed", "canceled"})


@dataclass
class Placed:
    """A create request that the provider carried out."""

    business: int
    sid: str
    asked: float
    """When the request had arrived, its body read."""
    told: float | None = None
    """When the first attempt to deliver the terminal callback was sent; None if none was."""
    ended: float | None = None
    ringing: float | None = None
    to: str = field(default="", repr=False)


@dataclass(frozen=True)
class Record:
    """What a ledger says."""

    calls: tuple[Placed, ...]
    requests: int
    callbacks: int
    failed_callbacks: int

    @classmethod
    def of(cls, lines: Iterable[Mapping[str, Any]]) -> Record:
        """Fold the ledger's lines."""
        asked: dict[str, float] = {}
        calls: dict[str, Placed] = {}
        callbacks = failed = 0
        for line in lines:
            match line["kind"]:
                case "request":
                    asked[line["request_id"]] = line["mono"]
                case "call":
                    at = asked.get(line["request_id"], line["mono"])
                    calls[line["sid"]] = Placed(business_of(line["to"]), line["sid"], at, to=line["to"])
                case "state":
                    _change(calls[line["sid"]], line)
                case "callback":
                    callbacks += 1
                    failed += not 200 <= (line["http_status"] or 0) < 300
                    _deliver(calls[line["sid"]], line)
        return cls(tuple(calls.values()), len(asked), callbacks, failed)

    @classmethod
    def read(cls, path: Path) -> Record:
        """Fold the ledger's file; a torn last line was never told to anybody."""
        with path.open("rb") as file:
            return cls.of(orjson.loads(line) for line in file if line.endswith(b"\n"))

    def completed_between(self, start: float, end: float) -> int:
        """How many calls came to their end in this span."""
        return sum(call.ended is not None and start <= call.ended < end for call in self.calls)


def _change(call: Placed, line: Mapping[str, Any]) -> None:
    if line["state"] == "ringing":
        call.ringing = line["mono"]
    elif line["state"] in TERMINAL:
        call.ended = line["mono"]


def _deliver(call: Placed, line: Mapping[str, Any]) -> None:
    if line["call_status"] in TERMINAL:
        call.told = min(line["mono"], call.told or line["mono"])
