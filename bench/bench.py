"""What every measure is handed: the servers, how long to measure, and what was measured before it."""

from __future__ import annotations

import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from bench.engine import Engine, EngineFactory
from bench.figures import Figure
from bench.judging import Judged
from bench.site import Servers, Site, site_on
from bench.sizes import Sizes


@dataclass(frozen=True)
class Measured:
    """One measure of one engine: its figures by name, what else is worth keeping, and the checker's word.

    `judged` is None where nobody was rung.
    """

    figures: Mapping[str, Figure]
    details: Mapping[str, Any] = field(default_factory=dict)
    judged: Judged | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "figures": {name: figure.as_json() for name, figure in self.figures.items()},
            "details": dict(self.details),
            "history": self.judged and self.judged.as_json(),
        }

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Measured:
        """What `as_json` described."""
        figures = {name: Figure.from_json(one) for name, one in fields["figures"].items()}
        return cls(figures, fields["details"], fields["history"] and Judged.from_json(fields["history"]))


class Bench:
    """One bench under way. `measured` holds what is known already, by measure and engine."""

    def __init__(self, servers: Servers, sizes: Sizes, rounds: int) -> None:
        self.servers = servers
        self.sizes = sizes
        self.rounds = rounds
        self.measured: dict[str, dict[str, Measured]] = {}
        self._began = time.monotonic()

    @asynccontextmanager
    async def engine(
        self, make: EngineFactory, settings: Mapping[str, str | None] | None = None
    ) -> AsyncIterator[tuple[Site, Engine]]:
        """A fresh site with this engine open on it."""
        async with site_on(self.servers, settings) as site:
            engine = make(site)
            try:
                await engine.open()
                yield site, engine
            finally:
                await engine.close()

    def tell(self, text: str) -> None:
        """A line of progress."""
        sys.stderr.write(f"[{time.monotonic() - self._began:6.1f} s] {text}\n")
