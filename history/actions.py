"""What operators did, written down by whoever did it: nobody but they saw when the answer came.

Rules: a JSON line an action: `kind`, `answered_at` (Unix seconds at which the answer was read, or the write of it
began) and `run_id`, or for an abandoned call `call_id`. Kinds: cancel, stop, force_cancel, abandon.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from history.lines import read_lines

KINDS = frozenset({"cancel", "stop", "force_cancel", "abandon"})


@dataclass(frozen=True, slots=True)
class Action:
    """One answered request of an operator."""

    kind: str
    answered_at: float
    run_id: int | None = None
    call_id: int | None = None


def read_actions(path: Path) -> tuple[Action, ...]:
    """The actions in this file. Raises Unreadable."""
    actions = []
    for line in read_lines(path):
        kind = line.text("kind").replace("-", "_")
        if kind not in KINDS:
            raise line.wrong("kind", f"one of {', '.join(sorted(KINDS))}")
        about = (None, line.whole("call_id")) if kind == "abandon" else (line.whole("run_id"), None)
        actions.append(Action(kind, line.number("answered_at"), *about))
    return tuple(actions)
