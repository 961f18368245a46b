"""Pauses between the creates in a ledger. Pure: moments in, seconds out."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise


def longest_pause(creates: Iterable[float], since: float, until: float) -> float:
    """The longest time between two neighbouring creates of which some part lies between `since` and `until`.

    It begins at the last create before `since` at the earliest and ends at the first after `until` at the latest.
    Raises ValueError where there is none before `since` or none after it: then nothing paused, or nothing went on.
    """
    moments = sorted(creates)
    if not moments or moments[0] > since:
        raise ValueError("no create before the span")
    if moments[-1] <= since:
        raise ValueError("no create after the beginning of the span")
    return max(later - earlier for earlier, later in pairwise(moments) if later > since and earlier < until)


def first_after(creates: Iterable[float], moment: float) -> float:
    """Seconds from `moment` to the first create after it. Raises ValueError where there is none."""
    later = [create for create in creates if create > moment]
    if not later:
        raise ValueError("no create after the moment")
    return min(later) - moment


def is_calm(creates: Iterable[float], now: float, seconds: float, pause: float) -> bool:
    """Whether in the last `seconds` no two creates lay further apart than `pause`, the last one and `now` neither."""
    moments = sorted(create for create in creates if create <= now)
    if not moments or moments[0] > now - seconds:
        return False
    return max(later - earlier for earlier, later in pairwise([*moments, now]) if later > now - seconds) <= pause
