"""Whether this database holds every call that was made, as far as the holder of the lease has been told."""

from __future__ import annotations

import asyncio

from shared.health import Health
from shared.logs import logger

NAME = "database_trust"
"""What `/readyz` names as away while nothing is claimed because calls may have been lost."""

log = logger()


class Trust:
    """Says a change once, in the log and in `/readyz`. A standby trusts, because it decides nothing."""

    def __init__(self, health: Health) -> None:
        self._health = health
        self.changed = asyncio.Event()
        self.forget()

    def __bool__(self) -> bool:
        return self._trusted

    def forget(self) -> None:
        """Leave the doubt to the next holder."""
        self._trusted = True
        self._health.set(NAME, up=True)

    def told(self, *, trusted: bool) -> None:
        """Take note of what the database or its examination said."""
        if trusted == self._trusted:
            return
        self._trusted = trusted
        self._health.set(NAME, up=trusted, reason="another database than before: calls may have been lost")
        if trusted:
            log.info("DATABASE_TRUSTED", action="claiming again")
        else:
            log.error("DATABASE_UNTRUSTED", action="claiming nothing until recent calls are compared")
        self.changed.set()
