"""How long a freed slot stays unused.

Turnaround: from the sending of a call's terminal callback to the arrival of the create request that uses the slot it
freed, both on the provider's clock. The slots of a business are alike, so its k-th freed slot is matched with its k-th
create beyond the first `cap`: no create can be earlier than that callback unless the cap was broken.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from bench.record import Placed


def turnarounds(calls: Iterable[Placed], cap: int, start: float = 0.0, end: float = float("inf")) -> list[float]:
    """Seconds, for slots freed from `start` to `end` that were used again; negative where an engine did not wait."""
    return [used - freed for freed, used in _pairs(calls, cap) if start <= freed < end]


def _pairs(calls: Iterable[Placed], cap: int) -> Iterable[tuple[float, float]]:
    by_business: dict[int, list[Placed]] = defaultdict(list)
    for call in calls:
        by_business[call.business].append(call)
    for own in by_business.values():
        freed = sorted(call.told for call in own if call.told is not None)
        asked = sorted(call.asked for call in own)
        yield from zip(freed, asked[cap:], strict=False)  # the last slots to be freed are not used again
