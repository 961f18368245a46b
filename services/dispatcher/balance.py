"""Which partitions a dispatcher takes and which it sends home, from what rosters say over time.

Rules: a partition's home is a matter of counting, so all who see the same members agree on it without a word; what is
free is taken by its home at once, by anybody else only when it stayed free; what lives away from home is sent there
one after the other, and only when the members have not changed for a while. The leases decide who holds what: two who
see different members may disagree here, and lose a moment by it, no more.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from shared.queries.dispatching import Roster

STAGGER = 1.0
"""Seconds that a free partition is left to its home."""

SETTLED = 3.0
"""Seconds without a change of members until partitions are sent home: who dies at once after its start gets none."""

NEXT_HOME = 1.0
"""Seconds between two that are sent home."""

HOME_AGAIN = 30.0
"""Seconds until a partition is sent home that its home, though alive, has left to us before."""


class Balance:
    """What one of the members makes of the rosters. Times are those of one steady clock, in seconds."""

    def __init__(self) -> None:
        self._roster = Roster((), 0, frozenset())
        self._changed_at = -math.inf
        self._free_since: dict[int, float] = {}
        self._sent: int | None = None
        self._sent_at = -math.inf

    def saw(self, roster: Roster, now: float) -> None:
        """Take note of a roster read now."""
        if roster.members != self._roster.members:
            self._changed_at = now
        self._roster = roster
        self._free_since = {number: self._free_since.get(number, now) for number in roster.free}

    def is_home(self, partition: int) -> bool:
        """Whether this partition is ours when everybody is there."""
        members = self._roster.members
        return bool(members) and members[partition % len(members)] == self._roster.me

    def may_take(self, partition: int, now: float) -> bool:
        """Whether we should try to get this partition's lease."""
        since = self._free_since.get(partition)
        return since is not None and (self.is_home(partition) or now - since >= STAGGER)

    def send_home(self, taken_at: Mapping[int, float], now: float) -> int | None:
        """The partition to give up now, of those that we hold since `taken_at`."""
        if now - self._changed_at < SETTLED or now - self._sent_at < NEXT_HOME or self._sent in self._free_since:
            return None
        for partition, taken in sorted(taken_at.items()):
            if not self.is_home(partition) and (taken < self._changed_at or now - taken >= HOME_AGAIN):
                self._sent, self._sent_at = partition, now
                return partition
        return None
