"""Dates as Twilio writes them."""

from email.utils import formatdate
from functools import lru_cache


def rfc2822(at: float) -> str:
    """A Unix time to the second, in UTC: `Fri, 18 Oct 2019 17:00:00 +0000`."""
    return _rfc2822(int(at))


# Many calls share a second.
@lru_cache(maxsize=64)
def _rfc2822(second: int) -> str:
    return formatdate(second).replace("-0000", "+0000")
