"""Takes out of the provider's messages what may not be logged or stored: numbers, addresses, secrets."""

from __future__ import annotations

import re

_URL = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://\S+")
_NUMBER = re.compile(r"(?<!\w)(?:\+|%2[Bb])?\(?\d[\d\s().-]{5,}\d(?!\w)")
_NOT_PRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\s]+")
_LONGEST = 300
_SCANNED = 2_000
"""Characters that are looked at: the patterns may need the square of their number."""


def scrub(message: str, *secrets: str) -> str:
    """The message on one line, shortened, with numbers of seven digits or more, URLs and the secrets replaced."""
    for secret in filter(None, secrets):
        message = message.replace(secret, "[secret]")
    if len(message) > _SCANNED:
        message = message[:_SCANNED].rstrip("0123456789 ().+-")  # half a number would not look like one
    message = _NUMBER.sub("[number]", _URL.sub("[url]", message))
    return _NOT_PRINTABLE.sub(" ", message).strip()[:_LONGEST]
