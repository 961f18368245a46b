"""Counts over the calls that were asked for: how many lived at once, and which numbers were rung twice.

Rules: a call lives from its creation to its end, in Twilio's queue too; foreign calls are not counted.
"""

from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from simulator.ledger import LedgerEntry


class Peak:
    """Live calls now and at most, by key."""

    def __init__(self) -> None:
        self.now: Counter[str] = Counter()
        self.most: dict[str, int] = {}

    def up(self, key: str) -> None:
        self.now[key] += 1
        if self.now[key] > self.most.get(key, 0):
            self.most[key] = self.now[key]

    def down(self, key: str) -> None:
        self.now[key] -= 1


class Tally:
    """Kept up to date by each creation and each end."""

    def __init__(self) -> None:
        self._all = Peak()
        self._by = {"account": Peak(), "from": Peak(), "path": Peak()}
        self._live_to: dict[str, set[str]] = {}
        self.creates: Counter[str] = Counter()
        self.rung: Counter[str] = Counter()
        self.outcomes: Counter[str] = Counter()
        self.doubles: list[dict[str, Any]] = []

    @property
    def live(self) -> int:
        return self._all.now[""]

    def live_on(self, account: str) -> int:
        return self._by["account"].now[account]

    def created(self, entry: LedgerEntry) -> None:
        if entry.foreign or entry.sid is None:
            return
        self._all.up("")
        for peak, key in self._keys(entry):
            peak.up(key)
        self.creates[entry.to] += 1
        live = self._live_to.setdefault(entry.to, set())
        if live:
            self.doubles.append({"to": entry.to, "sid": entry.sid, "overlaps": sorted(live)})
        live.add(entry.sid)

    def dialled(self, entry: LedgerEntry) -> None:
        if not entry.foreign:
            self.rung[entry.to] += 1

    def ended(self, entry: LedgerEntry) -> None:
        if entry.foreign or entry.sid is None:
            return
        self._all.down("")
        for peak, key in self._keys(entry):
            peak.down(key)
        self.outcomes[entry.outcome or ""] += 1
        live = self._live_to[entry.to]
        live.discard(entry.sid)
        if not live:
            del self._live_to[entry.to]

    def replay(self, entries: Iterable[LedgerEntry]) -> None:
        """Count what happened before this process started."""
        steps = []
        for entry in entries:
            for name, moment in entry.states.items():
                steps.append((moment.at, name == "queued", name, entry))
        for _, _, name, entry in sorted(steps, key=lambda step: step[:2]):
            if name == "queued":
                self.created(entry)
            elif name == "initiated":
                self.dialled(entry)
            elif name == entry.outcome:
                self.ended(entry)

    def as_dict(self) -> dict[str, Any]:
        """What `/sim/stats` shows."""
        return {
            "live": self.live,
            "max_live": self._all.most.get("", 0),
            **{f"live_by_{name}": dict(+peak.now) for name, peak in self._by.items()},
            **{f"max_live_by_{name}": dict(peak.most) for name, peak in self._by.items()},
            "calls": self.creates.total(),
            "creates_per_to": dict(self.creates),
            "rung_twice": {to: count for to, count in self.rung.items() if count > 1},
            "doubles": self.doubles,
            "outcomes": dict(self.outcomes),
        }

    def _keys(self, entry: LedgerEntry) -> list[tuple[Peak, str]]:
        keys = {"account": entry.account, "from": entry.from_, "path": _path(entry)}
        return [(self._by[name], key) for name, key in keys.items()]


def _path(entry: LedgerEntry) -> str:
    return _folder(next((value for name, value in entry.params if name == "StatusCallback"), ""))


# Asked for at a call's creation and at its end.
@lru_cache(maxsize=4096)
def _folder(url: str) -> str:
    try:
        return urlsplit(url).path.rpartition("/")[0]
    except ValueError:
        return ""
