"""How many calls each business was allowed at once, over time.

Rules: no table keeps this, so whoever changes a cap writes it down: a JSON line with `business_id`, `cap`, `at` (Unix
seconds at which the change was answered), and where known `asked_at` and `was`. A change holds somewhere between being
asked for and being answered, so in between both caps count. A business without a line had its present cap all along.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from history.lines import read_lines


@dataclass(frozen=True, slots=True)
class CapChange:
    """One change; without `asked_at` it took effect at `at` exactly."""

    business_id: int
    cap: int
    at: float
    asked_at: float | None = None
    was: int | None = None

    @property
    def possible_from(self) -> float:
        return self.at if self.asked_at is None else self.asked_at


class Caps:
    """The changes by business."""

    def __init__(self, changes: Iterable[CapChange] = ()) -> None:
        self._changes: dict[int, list[CapChange]] = defaultdict(list)
        for change in sorted(changes, key=lambda change: change.at):
            self._changes[change.business_id].append(change)

    def last(self, business_id: int) -> int | None:
        """The cap after the last change written down, None where there is none."""
        changes = self._changes.get(business_id)
        return changes[-1].cap if changes else None

    def largest(self, business_id: int, since: float, until: float, present: int) -> int:
        """The largest cap that may have held at some moment from `since` to `until`."""
        changes = self._changes.get(business_id)
        if not changes:
            return present
        certain = [change.cap for change in changes if change.at <= since]
        possible = [change.cap for change in changes if change.at > since and change.possible_from <= until]
        return max([*possible, certain[-1] if certain else _before(changes[0])])


def _before(first: CapChange) -> int:
    return first.cap if first.was is None else first.was


def read_caps(path: Path) -> Caps:
    """The changes in this file. Raises Unreadable."""
    return Caps(
        CapChange(
            line.whole("business_id"),
            line.whole("cap"),
            line.number("at"),
            line.number_or_none("asked_at"),
            line.whole_or_none("was"),
        )
        for line in read_lines(path)
    )
