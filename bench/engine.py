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
    most_calls: float | None
    """Calls a second that it is known not to reach on such a machine, so that it need not be handed more leads than it
    can ring; None where nothing is known."""

    async def open(self) -> None:
        """Start its processes; nothing is dialled yet."""

    async def start(self, work: Work) -> None:
        """Hand in the leads and begin to dial them; returns when all of them are handed in."""

    async def stop(self) -> None:
        """Dial nobody any more; returns when no call of it is under way."""

    async def crash(self) -> None:
        """SIGKILL for the processes that dial, in the middle of whatever they do, and start them again once."""

    def processes(self) -> Mapping[str, Sequence[int]]:
        """Its own processes by name: what they started counts with them. Servers and provider are the site's."""

    async def judged(self, *, wait: float = ...) -> Judged:
        """What the history checker says of the ledger and of what the engine knows, once nothing is under way.

        That is waited for at most `wait` seconds; without having stopped, none need be.
        """

    async def close(self) -> None:
        """End its processes."""


EngineFactory = Callable[["Site"], Engine]


class Contender(Protocol):
    """A kind of engine: makes one of a site."""

    @property
    def name(self) -> str:
        """What it is called in the results."""

    def __call__(self, site: Site, /) -> Engine: ...
