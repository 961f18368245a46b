"""Simulated time: call lives run on it, HTTP faults do not.

Rules: a call's queue, ringing, talk, Timeout and TimeLimit are simulated seconds; whatever is measured against the
client's own clock (delays of answers and callbacks, staleness) is real seconds.
"""

import time

SHORTEST_TIMEOUT = 1.0


class Clock:
    """A clock that runs `scale` times as fast as the machine's."""

    def __init__(self, scale: float) -> None:
        self._scale = scale
        self._base_real = time.monotonic()
        self._base_simulated = 0.0

    @property
    def scale(self) -> float:
        return self._scale

    def now(self) -> float:
        """Simulated seconds since this clock was made."""
        return self._base_simulated + (time.monotonic() - self._base_real) * self._scale

    def set_scale(self, scale: float) -> None:
        """Change the speed from now on, without a jump."""
        self._base_simulated = self.now()
        self._base_real = time.monotonic()
        self._scale = scale

    def real(self, seconds: float) -> float:
        """Real seconds that a span of simulated ones takes."""
        return seconds / self._scale

    def http_timeout(self, seconds: float) -> float:
        """Real seconds for a webhook's limit: scaled, but a busy machine keeps at least a second of it."""
        return max(min(seconds, SHORTEST_TIMEOUT), self.real(seconds))
