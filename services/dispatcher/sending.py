"""One create on its way: when its first byte left, what that says in the metrics, and the line that tells of it."""

from __future__ import annotations

from collections.abc import Callable

from shared import metrics
from shared.logs import logger
from shared.queries.dispatching import ClaimedCall
from shared.telephony import boottime

log = logger()


class Sending:
    """A claimed call between its claim and its answer. Times are those of `boottime`."""

    def __init__(
        self, call: ClaimedCall, send_before: float, source: str, claimed_at: float, written: Callable[[], None]
    ) -> None:
        self.call = call
        self.send_before = send_before
        self._source = source
        self._claimed_at = claimed_at
        self._written = written
        self._sent_at: float | None = None

    @property
    def ids(self) -> dict[str, int]:
        """Which call it is, for the log."""
        call = self.call
        return {"business_id": call.business_id, "run_id": call.run_id, "job_id": call.job_id, "call_id": call.call_id}

    @property
    def sent(self) -> bool:
        """Whether a byte may have left."""
        return self._sent_at is not None

    def on_sent(self) -> None:
        """Note that bytes leave from now on."""
        self._sent_at = boottime.now()
        metrics.CALLS_STARTED.inc()
        if self.call.waited is not None:
            metrics.SLOT_TURNAROUND.observe(self.call.waited + self._sent_at - self._claimed_at)
        self._written()

    def answered(self, klass: str, call_sid: str | None) -> None:
        """Tell of a create that was sent, now that its answer is here or was awaited long enough."""
        if self._sent_at is None:
            return
        metrics.DIAL_SECONDS.observe(boottime.now() - self._sent_at)
        log.info(
            "CALL_STARTED",
            **self.ids,
            call_sid=call_sid,
            attempt=self.call.attempt,
            action=klass,
            consumer_source=self._source,
            lock_acquired=True,
        )
