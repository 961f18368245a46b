"""Connection overrides: what the fragment of a webhook URL asks of Twilio's client."""

from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import parse_qsl

from simulator.numbers import whole

RETRYABLE = frozenset({"4xx", "5xx", "ct", "rt"})


@dataclass(frozen=True, slots=True)
class Overrides:
    """Limits in milliseconds, retries, and the failures that are retried; the defaults are Twilio's."""

    connect_ms: int = 5_000
    read_ms: int = 15_000
    total_ms: int = 15_000
    retries: int = 1
    retry_on: frozenset[str] = frozenset({"ct"})


def split(url: str) -> tuple[str, Overrides]:
    """The URL as it is requested and signed, and the overrides of its fragment."""
    bare, _, fragment = url.partition("#")
    return bare, parse(fragment)


@lru_cache(maxsize=256)
def parse(fragment: str) -> Overrides:
    """Read `rc=5&rp=4xx,5xx&ct=…`; numbers are brought into their range, what cannot be read keeps its default."""
    given = dict(parse_qsl(fragment))
    default = Overrides()
    return Overrides(
        connect_ms=_number(given.get("ct"), default.connect_ms, 100, 10_000),
        read_ms=_number(given.get("rt"), default.read_ms, 100, 15_000),
        total_ms=_number(given.get("tt"), default.total_ms, 100, 15_000),
        retries=_number(given.get("rc"), default.retries, 0, 5),
        retry_on=_policy(given.get("rp"), default.retry_on),
    )


def _number(text: str | None, default: int, low: int, high: int) -> int:
    number = whole(text or "")
    return default if number is None else min(max(number, low), high)


def _policy(text: str | None, default: frozenset[str]) -> frozenset[str]:
    names = frozenset(text.lower().split(",")) if text else frozenset()
    if "all" in names:
        return RETRYABLE
    return names & RETRYABLE or default
