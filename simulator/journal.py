"""The ledger's file: appended in batches, each flushed and synced before anybody is told.

Rules: nothing leaves this process (answer, callback, voice fetch) before the lines that tell of it are on the disk;
a line that nobody waits for is on the disk LINGER later at most.
"""

import asyncio
import os
from pathlib import Path
from typing import Any

import orjson

from simulator.ledger import Ledger, read_lines

LINGER = 0.05


class Journal:
    """Folds each line into the ledger in memory at once, and writes it to the file, if there is one."""

    def __init__(self, path: str | None) -> None:
        self.ledger = Ledger()
        self._file: int | None = None if path is None else self._open(Path(path))
        self._lines: list[bytes] = []
        self._waiters: list[asyncio.Future[None]] = []
        self._wake = asyncio.Event()
        self._closing = False

    def _open(self, path: Path) -> int:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            for line in read_lines(path):
                self.ledger.apply(line)
            _cut_torn_line(path)
        return os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)

    def append(self, line: dict[str, Any]) -> None:
        """Note a line; it counts at once for this process and is durable after `durable`."""
        self.ledger.apply(line)
        if self._file is None:
            return
        if not self._lines:
            asyncio.get_running_loop().call_later(LINGER, self._wake.set)
        self._lines.append(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))

    async def durable(self) -> None:
        """Return when every line noted so far is on the disk."""
        if self._file is None:
            return
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        self._wake.set()
        await waiter

    async def run(self) -> None:
        """Write batches until closed; an error of the disk ends it, and with it the process."""
        while not self._closing or self._lines:
            await self._wake.wait()
            if not self._closing:
                self._wake.clear()
            await self._write()
        if self._file is not None:
            os.close(self._file)
            self._file = None

    async def _write(self) -> None:
        lines, self._lines = self._lines, []
        waiters, self._waiters = self._waiters, []
        if lines and self._file is not None:
            await asyncio.to_thread(_append, self._file, b"".join(lines))
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    def close(self) -> None:
        """Let `run` write what is left, close the file and end."""
        self._closing = True
        self._wake.set()


def _append(file: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(file, rest) :]
    os.fsync(file)


def _cut_torn_line(path: Path) -> None:
    with path.open("rb+") as file:
        data = file.read()
        file.truncate(data.rfind(b"\n") + 1)
