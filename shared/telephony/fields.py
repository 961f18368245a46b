"""Fields of the provider's answers and callbacks, read leniently: what cannot be read is None."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_CALL_SID = re.compile(r"CA[0-9A-Za-z]{1,62}")
_WHOLE = re.compile(r"[0-9]{1,18}")


def call_sid(value: object) -> str | None:
    """A call's sid: `CA` and letters or digits. Twilio's have 32 hexadecimal digits; nothing here rests on that."""
    return value if isinstance(value, str) and _CALL_SID.fullmatch(value) else None


def text(value: object) -> str | None:
    """A string that says something."""
    return value if isinstance(value, str) and value else None


def whole(value: object) -> int | None:
    """A number from 0 up, which the provider mostly sends as a string."""
    digits = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    return int(digits) if digits.isascii() and _WHOLE.fullmatch(digits) else None


def moment(value: object) -> datetime | None:
    """A time in UTC, from RFC 2822 (what the provider sends) or ISO 8601; one without a zone is UTC."""
    if not isinstance(value, str):
        return None
    for parse in (parsedate_to_datetime, datetime.fromisoformat):
        found = _parsed(parse, value)
        if found is not None:
            return found
    return None


def _parsed(parse: Callable[[str], datetime], value: str) -> datetime | None:
    try:
        found = parse(value)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
