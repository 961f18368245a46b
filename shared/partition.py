"""A share of the businesses: which one of how many."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MOST_PARTITIONS: Final = 64
"""The database's constraint on leases says the same."""


@dataclass(frozen=True)
class Partition:
    """One of so many shares of the businesses, by its number from 0. The first also does what concerns all."""

    number: int = 0
    of: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this is the one that does what concerns all."""
        return self.number == 0


WHOLE = Partition()
"""All businesses, undivided."""


def partitions(of: int) -> tuple[Partition, ...]:
    """Every one of so many partitions."""
    return tuple(Partition(number, of) for number in range(of))
