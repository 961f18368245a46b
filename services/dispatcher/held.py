"""What this process holds of the lease, as metrics and readiness show it."""

from __future__ import annotations

from services.dispatcher.trust import Trust
from shared import metrics


class Held:
    """The partitions held, each with its epoch. A process that holds none is a standby and doubts nothing."""

    def __init__(self, trust: Trust) -> None:
        self.trust = trust
        self._epochs: dict[int, int] = {}
        self._show()

    def took(self, partition: int, epoch: int) -> None:
        """Note a lease that was taken."""
        self._epochs[partition] = epoch
        metrics.DISPATCHER_EPOCH.set(max(self._epochs.values()))
        self._show()

    def left(self, partition: int) -> None:
        """Note that a partition is somebody else's, or will be."""
        self._epochs.pop(partition, None)
        self._show()
        if not self._epochs:
            self.trust.forget()

    def _show(self) -> None:
        metrics.DISPATCHER_PARTITIONS.set(len(self._epochs))
        metrics.DISPATCHER_ACTIVE.set(1 if self._epochs else 0)
