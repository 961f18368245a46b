"""The processes under fault: four services and a standby dispatcher, each brought back when it is gone."""

from __future__ import annotations

import asyncio
import signal
from collections import defaultdict
from collections.abc import Callable

import aiohttp

from chaos.notes import Notes
from shared.telephony.deadman import EXIT_STATUS
from stack.processes import Child
from stack.system import Stack, together

DISPATCHERS = ("dispatcher", "dispatcher2")
CREW = ("api", "webhook", "reaper", *DISPATCHERS)
LOOK_EVERY = 0.1
ACTIVE = "ringfence_dispatcher_active"

Settings = Callable[[str], dict[str, str]]


class Crew:
    """Starts, ends and freezes. `hands` keep one fault at a time on each process."""

    def __init__(self, stack: Stack, notes: Notes, settings: Settings) -> None:
        self.hands: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._stack = stack
        self._notes = notes
        self._settings = settings
        self._expected: set[str] = set()

    async def muster(self) -> None:
        """Start everybody and wait until each is ready."""
        await together(*(self._stack.start(name, self._settings(name)) for name in CREW))
        self._expected.update(CREW)

    async def watch(self) -> None:
        """Bring back whoever ends by himself, as a supervisor would, for ever."""
        while True:
            for name in sorted(self._expected):
                if not self._stack.running(name):
                    self._note_end(name, self._stack.service(name).child)
                    await self._launch(name)
            await asyncio.sleep(LOOK_EVERY)

    def _note_end(self, name: str, child: Child) -> None:
        if name in DISPATCHERS and child.returncode == EXIT_STATUS:  # frozen with a create between check and byte
            self._notes.count("ended_by_the_switch", service=name)
        else:
            self._notes.complain(f"{name} ended by itself with status {child.returncode}", tail=child.tail())

    async def kill(self, name: str) -> None:
        """kill -9; it stays down until `revive`."""
        self._expected.discard(name)
        if self._stack.running(name):
            await self._stack.kill(name, signal.SIGKILL)

    async def end(self, name: str) -> int | None:
        """SIGTERM; its exit status, -9 where it did not end in time. It stays down until `revive`."""
        self._expected.discard(name)
        return await self._stack.stop(name)

    async def revive(self, name: str) -> None:
        if not self._stack.running(name):
            await self._launch(name)
        self._expected.add(name)

    async def active(self) -> str | None:
        """The dispatcher that says that it dials; None where none says so now."""
        told = await asyncio.gather(*(self._is_active(name) for name in DISPATCHERS))
        holders = [name for name, is_active in zip(DISPATCHERS, told, strict=True) if is_active]
        return holders[0] if len(holders) == 1 else None

    async def ready(self) -> dict[str, bool]:
        """Who answers that he is ready."""
        answers = await asyncio.gather(*(self._stack.service(name).answers() for name in CREW))
        return dict(zip(CREW, answers, strict=True))

    async def _is_active(self, name: str) -> bool:
        if self.hands[name].locked():
            return False  # dead or frozen
        return (await self.metrics(name)).get(ACTIVE) == 1

    async def metrics(self, name: str) -> dict[str, float]:
        """Its metrics, none where it does not answer."""
        try:
            return await self._stack.service(name).metrics()
        except (aiohttp.ClientError, TimeoutError):
            return {}

    async def _launch(self, name: str) -> None:
        self._notes.tell("started", service=name)
        await self._stack.start(name, self._settings(name), until=None)
