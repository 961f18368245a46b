"""What a run is: its seed, its length, and the measures that everything in it keeps to.

Rules: nothing here may lead to a second ring. A create may reach the provider late by a freeze between the check of
its deadline and its first byte, by the link, and by the provider's own delay; together these stay below the time
before which no attempt is given up.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

TIMES = {"SEND_WITHIN": "2", "DIAL_TIMEOUT": "2", "SETTLE_AFTER": "0.5", "ABSENT_AFTER": "8", "MAX_CALL_SECONDS": "600"}

SETTINGS = {
    **TIMES,
    "CALLS_PER_SECOND": "200",
    "HEARTBEAT_INTERVAL": "0.5",
    "LEASE_SECONDS": "3",
    "SWEEP_INTERVAL": "0.3",
    "NUDGE_AFTER": "2",
    "STALE_AFTER": "30",
    "WEBHOOK_GRACE": "2",
}

FREEZE_LIMIT = 5.0
"""Seconds: the longest freeze of a dispatcher; longer than the lease, than a deadline, and than awaiting an answer."""

LINK_LIMIT = 2.0
"""Seconds for which a link may keep bytes on their way to the provider."""

LATE_LIMIT = 2.0
"""Seconds by which the provider may carry a create out late, or its reads may lag behind."""

ABSENT_AT = sum(float(TIMES[name]) for name in ("DIAL_TIMEOUT", "ABSENT_AFTER"))
"""Seconds past its deadline before which no attempt is given up."""

TOO_LATE = ABSENT_AT - LATE_LIMIT
"""Seconds of delay between check and ledger from which on a second ring is nobody's fault but the fault's."""


@dataclass(frozen=True)
class Plan:
    """One run; `seconds` is how long faults go on."""

    seed: int
    seconds: float

    def chance(self, *names: str) -> random.Random:
        """The dice of one player: his throws do not depend on when others throw."""
        return random.Random(" ".join((str(self.seed), *names)))
