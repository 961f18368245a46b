"""The settings that the system ran with, as far as its promises depend on them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from history.errors import Unreadable

AFTER_THE_CALL = 600.0
"""Seconds that the contract adds to queue time, Timeout and TimeLimit before a call's slot is freed in any case."""


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds, with the contract's defaults; named like the settings, in lower case."""

    send_within: float = 3.0
    dial_timeout: float = 15.0
    settle_after: float = 5.0
    absent_after: float = 60.0
    max_call_seconds: float = 3600.0

    @classmethod
    def picked(cls, settings: Mapping[str, str]) -> Times:
        """What concerns the checker out of a service's settings. Raises Unreadable for what is no number of seconds."""
        return cls(**{name: _seconds(name, settings[name.upper()]) for name in _NAMES if name.upper() in settings})

    @classmethod
    def parsed(cls, pairs: Iterable[str]) -> Times:
        """Read KEY=VALUE pairs. Raises Unreadable for a key that means nothing here."""
        given = dict(_pair(one) for one in pairs)
        unknown = sorted(given.keys() - {name.upper() for name in _NAMES})
        if unknown:
            known = ", ".join(name.upper() for name in _NAMES)
            raise Unreadable(f"--settings: {unknown[0]} is none of {known}")
        return cls.picked(given)


_NAMES = tuple(Times.__dataclass_fields__)


def _pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign:
        raise Unreadable(f"--settings: {text!r} is not KEY=VALUE")
    return name.strip().upper(), value.strip()


def _seconds(name: str, text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise Unreadable(f"--settings: {name.upper()} must be a number of seconds")
    return seconds
