"""How much is measured: the quick form ends within five minutes on two cores, the full form takes what it takes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sizes:
    """Spans in seconds; numbers of rounds are apart from this."""

    floor_laps: int
    """Times that the floor's steps are gone through in a round."""
    rest_calls: int
    """Calls in a round of turnaround at rest."""
    half_window: float
    """A round of turnaround at half of saturation."""
    saturation_warm_up: float
    saturation_window: float


QUICK = Sizes(floor_laps=100, rest_calls=100, half_window=3.0, saturation_warm_up=3.0, saturation_window=3.0)
FULL = Sizes(floor_laps=400, rest_calls=400, half_window=15.0, saturation_warm_up=10.0, saturation_window=15.0)
