"""One figure: the values that were measured, and what is said of them."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

DIGITS = 4


@dataclass(frozen=True)
class Figure:
    """Values in the order in which they were measured, at least one, all of one unit (`s`, `1/s`, `ms`)."""

    values: tuple[float, ...]
    unit: str = "s"

    def __post_init__(self) -> None:
        if not self.values or not all(map(math.isfinite, self.values)):
            raise ValueError("a figure needs at least one value, and all of them finite")

    @classmethod
    def of(cls, values: Iterable[float], unit: str = "s") -> Figure:
        """A figure of these values, rounded to a tenth of a thousandth of the unit."""
        return cls(tuple(round(float(value), DIGITS) for value in values), unit)

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def least(self) -> float:
        return min(self.values)

    @property
    def most(self) -> float:
        return max(self.values)

    def quantile(self, share: float) -> float:
        """The smallest value that at least this share of the values does not exceed (nearest rank); 0.5, 0.95, 1."""
        if not 0 < share <= 1:
            raise ValueError("a share lies above 0 and is at most 1")
        return sorted(self.values)[math.ceil(share * len(self.values)) - 1]

    @property
    def spread(self) -> float:
        """Half of the values lie this close together: the upper quartile less the lower, by nearest rank."""
        return self.quantile(0.75) - self.quantile(0.25)

    def as_json(self) -> dict[str, Any]:
        """`{unit, median, least, most, spread, values}`; the values are what counts, the others are for readers."""
        told = {name: round(getattr(self, name), DIGITS) for name in ("median", "least", "most", "spread")}
        return {"unit": self.unit, **told, "values": list(self.values)}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Figure:
        """The figure that `as_json` described, from its values alone."""
        return cls(tuple(float(value) for value in fields["values"]), str(fields["unit"]))
