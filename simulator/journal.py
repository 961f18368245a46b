"""The ledger's file: appended in batches, each flushed and synced before anybody is told.

Rules: nothing leaves this process (answer, callback, voice fetch) before the lines that tell of it are on the disk;
a line that nobody waits for is on the disk LINGER later at most. Batches follow one another at APART, so that under
load more lines share a sync, which is what the ledger costs; after a rest nothing waits.
"""

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import orjson

from simulator.ledger import Ledger, read_lines

LINGER = 0.05
APART = 0.01
"""Seconds from the start of one batch to that of the next at least."""


class Journal:
    """Folds each line into the ledger in memory at once, and writes it to the file, if there is one."""

    def __init__(self, path: str | None) -> None:
        self.ledger = Ledger()
        self._file: int | None = None if path is None else self._open(Path(path))
        self._lines: list[bytes] = []
        self._waiters: list[asyncio.Future[None]] = []
        self._wake = asyncio.Event()
        self._closing = False
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="ledger")

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
        clock = asyncio.get_running_loop().time
        while not self._closing or self._lines:
            await self._wake.wait()
            if not self._closing:
                self._wake.clear()
            began = clock()
            await self._write()
            await asyncio.sleep(max(0.0, began + APART - clock()))
        self._disk.shutdown()
        if self._file is not None:
            os.close(self._file)
            self._file = None

    async def _write(self) -> None:
        lines, self._lines = self._lines, []
        waiters, self._waiters = self._waiters, []
        if lines and self._file is not None:
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self._disk, _append, self._file, b"".join(lines))
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
