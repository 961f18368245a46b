"""What a run writes down: the files that the history checker reads, a diary of all faults, and counts of them."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import Any

import orjson


class Notes:
    """Files in one folder; each line is there when the call returns."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.counts: Counter[str] = Counter()
        self.complaints: list[str] = []
        self.actions = folder / "actions.jsonl"
        self.caps = folder / "caps.jsonl"
        self.faults = folder / "faults.jsonl"
        self.diary = folder / "diary.jsonl"
        for file in (self.actions, self.caps, self.faults, self.diary):
            file.touch()

    def action(self, kind: str, **ids: int) -> None:
        """An operator's request that was answered just now."""
        _append(self.actions, {"kind": kind, "answered_at": time.time(), **ids})
        self.count(kind, **ids)

    def cap(self, business_id: int, cap: int, *, was: int, asked_at: float) -> None:
        """A change of a cap that was answered just now."""
        _append(
            self.caps, {"business_id": business_id, "cap": cap, "was": was, "asked_at": asked_at, "at": time.time()}
        )
        self.count("cap_changed", business_id=business_id, cap=cap)

    def excuse(self, fault: str, since: float, until: float, why: str) -> None:
        """Creates between these moments of Unix time may have been struck by what can lead to a second ring."""
        _append(self.faults, {"fault": fault, "from": since, "until": until, "why": why})
        self.count("excused", why=why)

    def count(self, kind: str, **details: Any) -> None:
        """One more of this kind."""
        self.counts[kind] += 1
        self.tell(kind, **details)

    def complain(self, complaint: str, **details: Any) -> None:
        """Something that no fault accounts for."""
        self.complaints.append(complaint)
        self.tell("complaint", complaint=complaint, **details)

    def tell(self, event: str, **details: Any) -> None:
        _append(self.diary, {"at": time.time(), "event": event, **details})


def _append(file: Path, line: dict[str, Any]) -> None:
    with file.open("ab") as lines:
        lines.write(orjson.dumps(line) + b"\n")
