"""What is measured: something that rings leads through the provider's API, at most so many at once for each business.

An engine gets a site (a provider, a database and a broker of its own) and is measured from outside: by the provider's
ledger and by what its processes cost.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from bench.work import Work

if TYPE_CHECKING:
    from bench.judging import Judged
    from bench.site import Site


class Engine(Protocol):
    """One that dials."""

    name: str

    async def open(self) -> None:
        """Start its processes; nothing is dialled yet."""

    async def start(self, work: Work) -> None:
        """Hand in the leads and begin to dial them; returns when all of them are handed in."""

    async def stop(self) -> None:
        """Dial nobody any more; returns when no call of it is under way."""

    def processes(self) -> Mapping[str, Sequence[int]]:
        """Its own processes by name: what they started counts with them. Servers and provider are the site's."""

    async def judged(self) -> Judged:
        """What the history checker says of the ledger and of what the engine knows; after `stop`."""

    async def close(self) -> None:
        """End its processes."""


EngineFactory = Callable[["Site"], Engine]
