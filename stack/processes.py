"""One child process: its program, environment and log, started on a leash and ended for certain.

Each child has a session of its own, so that Ctrl-C reaches the supervisor alone, and its signal goes to the
whole group. A child that ends by itself is noticed by whoever waits for it, with the last lines of its log.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from weakref import WeakSet

from stack.errors import ChildFailed

LEASH = Path(__file__).with_name("leash.py")
POLL = 0.02
TAIL_LINES = 12

_started: "WeakSet[Child]" = WeakSet()


class Child:
    """A program under supervision. `user` runs it as somebody else (for root only); with `held_open`
    its standard input stays open for as long as we live, instead of being empty."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        env: Mapping[str, str],
        log: Path,
        cwd: Path | None = None,
        user: str | None = None,
        death_signal: signal.Signals = signal.SIGKILL,
        held_open: bool = False,
    ) -> None:
        self.name = name
        self.command = list(command)
        self.env = dict(env)
        self.log = log
        self.cwd = cwd
        self.user = user
        self.death_signal = death_signal
        self.held_open = held_open
        self._process: subprocess.Popen[bytes] | None = None
        self._collected = True

    @property
    def pid(self) -> int:
        if self._process is None:
            raise ChildFailed(f"{self.name} was never started")
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self.returncode is None

    @property
    def returncode(self) -> int | None:
        """The exit status as subprocess tells it (-9 for SIGKILL), None while it runs or before it started."""
        if self._process is None:
            return None
        if not self._collected and _has_ended(self._process.pid):
            self.end()
        return self._process.returncode

    def start(self) -> None:
        """Start it, its output appended to the log. The caller's thread must live as long as the child."""
        if self.running:
            raise ChildFailed(f"{self.name} is already running")
        leash = [sys.executable, "-I", "-S", str(LEASH), str(int(self.death_signal)), str(os.getpid())]
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603 - our own command lines
                [*leash, self.user or "-", *self.command],
                env=self.env,
                cwd=self.cwd,
                stdin=subprocess.PIPE if self.held_open else subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._collected = False
        _started.add(self)

    def send(self, number: signal.Signals) -> None:
        """Signal the child's whole process group; nothing happens if it has ended."""
        if self.running:
            os.killpg(self.pid, number)

    def freeze(self) -> None:
        self.send(signal.SIGSTOP)

    def thaw(self) -> None:
        self.send(signal.SIGCONT)

    async def wait(self, timeout: float) -> int:
        """Its exit status; ChildFailed if it has not ended after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while (status := self.returncode) is None:
            if time.monotonic() > deadline:
                raise ChildFailed(f"{self.name} has not ended after {timeout:g} s\n{self.tail()}")
            await asyncio.sleep(POLL)
        return status

    async def until(self, ready: Callable[[], Awaitable[bool]], timeout: float) -> None:
        """Wait until `ready()` says so; ChildFailed if the child ends before or `timeout` seconds pass."""
        deadline = time.monotonic() + timeout
        while not await ready():
            if not self.running:
                raise ChildFailed(f"{self.name} ended with status {self.returncode}\n{self.tail()}")
            if time.monotonic() > deadline:
                raise ChildFailed(f"{self.name} was not ready within {timeout:g} s\n{self.tail()}")
            await asyncio.sleep(POLL)

    async def stop(self, timeout: float, number: signal.Signals = signal.SIGTERM) -> int | None:
        """Ask it to end, make it end after `timeout` seconds, and give its exit status."""
        try:
            if self.running:
                self.thaw()
                self.send(number)
                with contextlib.suppress(ChildFailed):  # too slow: killed below
                    await self.wait(timeout)
        finally:
            status = self.end()
        return status

    def end(self) -> int | None:
        """Kill it and what it started, now, and collect it; also for use outside an event loop."""
        if self._process is None:
            return None
        if not self._collected:
            # while it is not collected its pid is nobody else's, and so is the number of its group
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            if self._process.stdin is not None:
                self._process.stdin.close()
            self._collected = True
        return self._process.returncode

    def tail(self) -> str:
        """The last lines of its log, with the log's path."""
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "\n".join([*(f"  | {line[:400]}" for line in lines[-TAIL_LINES:]), f"  log: {self.log}"])


def _has_ended(pid: int) -> bool:
    """Whether this child of ours has ended; it stays to be collected."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def end_all() -> None:
    """Kill every child of this process now; whoever waits for one sees it end."""
    for child in list(_started):
        child.send(signal.SIGKILL)
