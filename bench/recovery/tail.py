"""What the provider writes into its ledger while it runs: read from the file, so that nobody waits for us."""

from __future__ import annotations

from pathlib import Path

import orjson


class LedgerTail:
    """The requests and the calls of the ledger so far, as of the last `read`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._creates: list[float] = []
        self.requests = 0
        self.asked: set[str] = set()
        """The numbers for which a create was received, whether it was carried out or not."""

    @property
    def creates(self) -> list[float]:
        """When each create that was carried out had arrived, on the machine's monotonic clock."""
        return self._creates

    def read(self) -> None:
        """Take in the lines since the last time; a line that is not whole yet is left for the next."""
        with self._path.open("rb") as file:
            file.seek(self._offset)
            whole, newline, _ = file.read().rpartition(b"\n")
        self._offset += len(whole) + len(newline)
        for line in whole.splitlines():
            self._fold(line)

    def _fold(self, line: bytes) -> None:
        if b'"kind":"request"' in line:
            self.requests += 1
            self.asked.add(orjson.loads(line)["to"])
        elif b'"kind":"call"' in line:
            call = orjson.loads(line)
            if not call["foreign"]:
                self._creates.append(call["mono"])
