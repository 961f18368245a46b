"""Keeps an eye on who shares the partitions, and sends home those that are here for want of a better place."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Mapping

from services.dispatcher.balance import Balance
from services.dispatcher.lease import POLL
from services.dispatcher.outage import Outage
from services.dispatcher.unit import Unit
from shared.db import Session
from shared.errors import DatabaseAway, DatabaseBusy
from shared.health import Health
from shared.logs import logger
from shared.process import Stop
from shared.queries import dispatching
from shared.settings import Settings

log = logger()


def session_name(settings: Settings) -> str:
    """What the connection of the leases is called on the server: by it the members know each other and their order."""
    if settings.dispatch_partitions == 1:
        return "session"
    ordinal = settings.dispatch_ordinal
    if ordinal is None:
        ordinal = ordinal_of(socket.gethostname())
    return f"of-{settings.dispatch_partitions} {'-' if ordinal is None else ordinal}"


def ordinal_of(hostname: str) -> int | None:
    """The number at the end of a StatefulSet's host name; None where there is none."""
    found = re.search(r"-([0-9]{1,6})$", hostname.partition(".")[0])
    return int(found[1]) if found else None


class RosterKeeper:
    """Reads the roster over and over. While it cannot be read, what it said last holds."""

    def __init__(self, session: Session, settings: Settings, health: Health) -> None:
        self._session = session
        self._health = health
        self._partitions = settings.dispatch_partitions
        self._silence = settings.lease_seconds
        self._balance = Balance()
        self._outage = Outage("roster")

    def is_turn(self, partition: int) -> bool:
        """Whether this process should try to get this partition's lease."""
        return self._balance.may_take(partition, asyncio.get_running_loop().time())

    def is_home(self, partition: int) -> bool:
        """Whether this partition's home is here."""
        return self._balance.is_home(partition)

    async def run(self, units: Mapping[int, Unit], stop: Stop) -> None:
        """Read until the stop."""
        while not stop.is_set():
            try:
                roster = await dispatching.read_roster(self._session, self._partitions, self._silence)
            except (DatabaseAway, DatabaseBusy) as error:
                self._health.set("database", up=False, reason=str(error))
                self._outage.failed(error)
            else:
                self._health.set("database", up=True)
                self._outage.over()
                self._balance.saw(roster, asyncio.get_running_loop().time())
                self._send_home(units)
            await stop.within(POLL)

    def _send_home(self, units: Mapping[int, Unit]) -> None:
        taken_at = {number: unit.taken_at for number, unit in units.items() if unit.taken_at is not None}
        partition = self._balance.send_home(taken_at, asyncio.get_running_loop().time())
        if partition is not None:
            log.info("PARTITION_SENT_HOME", partition=partition)
            units[partition].give_up()
