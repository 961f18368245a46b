"""Phone numbers as Twilio checks and prints them, and the magic numbers of its test credentials."""

import hashlib
import re

E164 = re.compile(r"\+[1-9][0-9]{1,14}")
SHORTEST_DIALABLE = 8
LONGEST_NUMBER = 9

MAGIC_TO = {
    "+15005550001": 21217,
    "+15005550002": 21214,
    "+15005550003": 21215,
    "+15005550004": 21216,
}
MAGIC_INVALID_FROM = "+15005550001"

_NORTH_AMERICA = re.compile(r"\+1([0-9]{3})([0-9]{3})([0-9]{4})")


def whole(text: str) -> int | None:
    """A whole number in plain digits, None for anything else or anything longer than Twilio would read."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= LONGEST_NUMBER else None


def refuse_to(number: str) -> int | None:
    """The code with which a callee's number is refused, None when it can be dialled."""
    if not E164.fullmatch(number):
        return 21211
    if number in MAGIC_TO:
        return MAGIC_TO[number]
    return 21217 if len(number) <= SHORTEST_DIALABLE else None


def refuse_from(number: str, owned: bool) -> int | None:
    """The code with which a caller id is refused, None when it may be shown."""
    if not E164.fullmatch(number) or number == MAGIC_INVALID_FROM:
        return 21212
    return None if owned else 21210


def formatted(number: str) -> str:
    """National form for North America, the number itself elsewhere."""
    parts = _NORTH_AMERICA.fullmatch(number)
    return f"({parts[1]}) {parts[2]}-{parts[3]}" if parts else number


def number_sid(number: str) -> str:
    """A sid that the same number always gets."""
    return "PN" + hashlib.blake2b(number.encode(), digest_size=16).hexdigest()
