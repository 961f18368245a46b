"""Which accounts the provider does not answer for at present: they rest, and everybody else's work goes on.

Rules: three failures in a row are an outage, a token that cannot be opened is one at once; it is logged when it begins
and when it ends, however many calls meet it; while it lasts one errand at a time probes, after growing pauses.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from shared.errors import RingfenceError, SecretUnreadable
from shared.logs import logger
from shared.telephony.errors import ProviderRefused

IN_A_ROW: Final = 3
FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 30.0
"""Seconds between two probes of an account: providers come back, and an outage must not outlast itself."""


class Errand(Protocol):
    """What is asked of the provider about one call."""

    @property
    def call_id(self) -> int: ...

    @property
    def business_id(self) -> int: ...

    @property
    def account_id(self) -> int: ...


@dataclass
class _Trouble:
    failures: int = 0
    pause: float = 0.0
    retry_at: float = 0.0
    is_outage: bool = False


class Outages:
    """Remembers, per account, what has failed since something last worked. `clock` is in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._troubles: dict[int, _Trouble] = {}

    def failed(self, errand: Errand, error: RingfenceError) -> None:
        """Note that an errand got no answer."""
        trouble = self._troubles.setdefault(errand.account_id, _Trouble())
        trouble.failures += 1
        began = trouble.is_outage
        trouble.is_outage = began or trouble.failures >= IN_A_ROW or isinstance(error, SecretUnreadable)
        if not trouble.is_outage:
            logger().debug("PROVIDER_SILENT", call_id=errand.call_id, business_id=errand.business_id, reason=str(error))
            return
        now = self._clock()
        if now >= trouble.retry_at:  # several that were under way together count as one probe
            trouble.pause = min(2 * trouble.pause or FIRST_PAUSE, LONGEST_PAUSE)
            asked_for = error.retry_after if isinstance(error, ProviderRefused) else None
            trouble.retry_at = now + max(trouble.pause, min(asked_for or 0.0, 10 * LONGEST_PAUSE))
        if not began:
            logger().warning(
                "PROVIDER_AWAY", account_id=errand.account_id, business_id=errand.business_id, reason=str(error)
            )

    def worked(self, errand: Errand) -> None:
        """Note that an errand was answered."""
        trouble = self._troubles.pop(errand.account_id, None)
        if trouble is not None and trouble.is_outage:
            logger().info("PROVIDER_BACK", account_id=errand.account_id, failures=trouble.failures)

    def lanes_closed(self, per_account: int) -> dict[int, int]:
        """How many of each account's lanes are not to be used now: all but one in an outage, all while it rests."""
        now = self._clock()
        return {
            account: per_account if now < trouble.retry_at else per_account - 1
            for account, trouble in self._troubles.items()
            if trouble.is_outage
        }
