"""A loop's trouble with a server, told once however often the loop tries again."""

from __future__ import annotations

from shared import metrics
from shared.process import report_failure


class Outage:
    """Logs the first failure in a row and counts every one."""

    def __init__(self, loop: str) -> None:
        self._loop = loop
        self._lasts = False

    def failed(self, error: Exception, **ids: object) -> None:
        """Note a failure."""
        if self._lasts:
            metrics.LOOP_ERRORS.labels(loop=self._loop).inc()
            return
        self._lasts = True
        report_failure(self._loop, error, **ids)

    def over(self) -> None:
        """Note a success."""
        self._lasts = False
