"""The clock that deadlines are kept on."""

from __future__ import annotations

import time

# Only Linux has CLOCK_BOOTTIME. Elsewhere the monotonic clock serves, which may stand still while the machine
# sleeps: good enough to develop on, not to dial from.
_CLOCK: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def now() -> float:
    """Seconds since boot, counting suspended time; no setting of the wall clock moves it."""
    return time.clock_gettime(_CLOCK)
