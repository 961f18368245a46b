"""A standing system in which services are armed with faults, brought back when they die and thawed when they freeze."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import signal
import sys
import time
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from shared.crashpoints import VARIABLE
from stack.environment import base_environment
from stack.processes import Child
from stack.system import Stack, together
from tests.acceptance.business import Account
from tests.acceptance.waiting import PATIENCE
from tests.crashpoints.points import Fault

SERVICES = ("api", "webhook", "dispatcher", "reaper")
STANDBY = "dispatcher2"
OPERATOR = "operator"
WORD = [sys.executable, "-m", "services.dispatcher", "trust-database"]
RESEAL = [sys.executable, "-m", "services.api", "reseal"]
NEXT_KEY = "the key that secrets are sealed with after a rotation"
FREEZE_SECONDS = 6.0
"""Longer than the lease, and than claim, answer, both denials and the next claim together."""

LOOK_EVERY = 0.02

ACCOUNTS = [
    Account(f"AC{secrets.token_hex(16)}", secrets.token_hex(16), f"+9723800{number:04d}") for number in range(1, 1001)
]
"""One for each campaign."""

TIMES = {"SEND_WITHIN": "1", "DIAL_TIMEOUT": "1", "SETTLE_AFTER": "0.3", "ABSENT_AFTER": "0.5"}

SETTINGS = {
    **TIMES,
    "SECRETS_KEY_PREVIOUS": NEXT_KEY,
    "CALLS_PER_SECOND": "200",
    "HEARTBEAT_INTERVAL": "0.5",
    "LEASE_SECONDS": "3",
    "SWEEP_INTERVAL": "0.2",
    "NUDGE_AFTER": "2",
    "STALE_AFTER": "60",
    "WEBHOOK_GRACE": "1",
    "MAX_CALL_SECONDS": "86000",
    "SIM_CPS": "200",
    "SIM_TIME_SCALE": "200",
    "SIM_ACCOUNTS": orjson.dumps(
        [{"sid": one.sid, "auth_tokens": [one.auth_token], "from_numbers": [one.from_number]} for one in ACCOUNTS]
    ).decode(),
}

_accounts = iter(ACCOUNTS)


def next_account() -> Account:
    """An account that no campaign has used."""
    return next(_accounts)


@dataclass
class Rig:
    """The system under faults. `struck` are the faults that happened, in their order."""

    stack: Stack
    struck: list[Fault] = field(default_factory=list)
    _waiting: dict[str, deque[Fault]] = field(default_factory=lambda: defaultdict(deque))
    _armed: dict[str, Fault] = field(default_factory=dict)
    _awake: set[str] = field(default_factory=set)
    _frozen_since: dict[str, float] = field(default_factory=dict)
    _record: Path | None = None
    _operator: Child | None = None

    @asynccontextmanager
    async def under(self, *faults: Fault, record: Path | None = None) -> AsyncIterator[None]:
        """Whatever `start` starts gets these faults, and is brought back to life when it dies."""
        self.struck.clear()
        self._record = record
        for fault in faults:
            self._waiting[fault.point.service].append(fault)
        watch = asyncio.create_task(self._watch(), name="watch")
        try:
            yield
        finally:
            watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watch
            self._record = None
            self._waiting.clear()
            await together(*(self._disarm(name) for name in (*SERVICES, STANDBY)))

    async def clear(self, *others: str) -> bool:
        """Kill what is to be started anew, that is what has faults or a record to come, and these others.

        Returns whether no dispatcher runs now.
        """
        anew = SERVICES if self._record is not None else [name for name in SERVICES if self._waiting[name]]
        victims = [name for name in {*anew, *others} if self.stack.running(name)]
        await together(*(self.stack.kill(name, signal.SIGKILL) for name in victims))
        return not self.stack.running("dispatcher")

    async def start(self, *names: str) -> None:
        """Have these services run, each that starts now with the next of its faults, and bring them back."""
        for name in names:
            if not self.stack.running(name):
                await self._launch(name)
            self._awake.add(name)

    async def end(self, name: str) -> int | None:
        """Ask a service to end; it stays down."""
        self._awake.discard(name)
        status = await self.stack.stop(name)
        self._note_death(name, status)
        return status

    async def operate(self, command: Sequence[str]) -> None:
        """Have an operator run a command, again until it has done its work."""
        keys = {"SECRETS_KEY": NEXT_KEY, "SECRETS_KEY_PREVIOUS": self.stack.secrets["SECRETS_KEY"]}
        while True:
            env = base_environment() | {"DATABASE_URL": self.stack.database_url} | keys | self._fault_of(OPERATOR)
            run = self.stack.run
            self._operator = Child(OPERATOR, command, env=env, log=run.log(OPERATOR), cwd=run.path)
            self._operator.start()
            try:
                status = await self._operator.wait(PATIENCE)
            finally:
                self._operator.end()
            self._note_death(OPERATOR, status)
            if status == 0:
                return
            assert status == -signal.SIGKILL, self._operator.tail()

    async def is_awake(self) -> bool:
        """Whether nobody is frozen."""
        return not self._frozen_since

    async def _launch(self, name: str) -> None:
        await self.stack.start(name, self._fault_of(name), until=None)

    def _fault_of(self, name: str) -> dict[str, str]:
        """The setting that makes what starts now meet the next of its faults, or write down what it passes."""
        if self._waiting[name]:
            self._armed[name] = self._waiting[name].popleft()
            return {VARIABLE: self._armed[name].plan}
        if self._record is not None:
            return {VARIABLE: orjson.dumps({"record": f"{self._record}.{name}"}).decode()}
        return {}

    def _child(self, name: str) -> Child:
        if name == OPERATOR and self._operator is not None:
            return self._operator
        return self.stack.service(name).child

    async def _watch(self) -> None:
        while True:
            for name in list(self._awake):
                if not self.stack.running(name):
                    self._note_death(name, self.stack.service(name).child.returncode)
                    await self._launch(name)
            for name in list(self._armed):
                self._thaw_in_time(name)
            await asyncio.sleep(LOOK_EVERY)

    def _note_death(self, name: str, status: int | None) -> None:
        fault = self._armed.pop(name, None)
        if fault is None:
            return
        self._frozen_since.pop(name, None)
        if status == -signal.SIGKILL and fault.do == "kill":
            self.struck.append(fault)

    def _thaw_in_time(self, name: str) -> None:
        fault = self._armed[name]
        child = self._child(name)
        if fault.do != "stop" or _state(child.pid) != "T":
            return
        since = self._frozen_since.setdefault(name, time.monotonic())
        if time.monotonic() - since >= FREEZE_SECONDS:
            self.struck.append(self._armed.pop(name))
            del self._frozen_since[name]
            child.thaw()

    async def _disarm(self, name: str) -> None:
        """End a service whose fault has not struck, and the standby."""
        armed = self._armed.pop(name, None) is not None
        self._frozen_since.pop(name, None)
        self._awake.discard(name)
        if (armed or name == STANDBY) and self.stack.running(name):
            await self.stack.kill(name, signal.SIGKILL)


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return "X"
