"""What a log line must not hold: phone numbers are masked, tokens and secrets removed, in every value however deep.

Rules: a value under a key that names a secret goes whole; in any other text the shapes of secrets and numbers are
replaced, so that the text of a foreign exception or a URL is as safe as our own words; values known to be secret
(`hide`) go wherever they stand. Too much hidden is a nuisance, too little a leak. Every pattern takes time in
proportion to the text, for much of it comes from strangers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from functools import lru_cache
from typing import Any

HIDDEN = "***"
DEEPEST = 8
LARGEST = 2**63 - 1
SHORTEST_SECRET = 8

_SECRET_KEY = re.compile(
    r"token|secret|passw|authorization|signature|api_?key|private_?key|cookie|credential|jwt|^dsn$",
    re.IGNORECASE,
)
_PHONE_KEY = re.compile(r"phone|^(to|from|called|caller|from_number|to_number)$", re.IGNORECASE)

_SECRETS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(?<=://)[^\s/@'\"]+@"), f"{HIDDEN}@"),
    (re.compile(r"(/webhooks/twilio/(?:status|voice)/)[^\s/?#\"'&]+"), rf"\1{HIDDEN}"),
    (re.compile(r"(?<![\w-])eyJ[\w-]+\.[\w-]*\.?[\w-]*"), HIDDEN),
    (re.compile(r"\b(Bearer|Basic)\s{1,5}[\w.~+/=-]+", re.IGNORECASE), rf"\1 {HIDDEN}"),
    (
        re.compile(
            r"((?:token|secret|password|passwd|authorization|signature|api_?key)\w{0,20}['\"]?\s{0,5}[=:]\s{0,5})"
            r"(?!Bearer|Basic|None\b|null\b)['\"]?[^\s'\",;&)}\]]+",
            re.IGNORECASE,
        ),
        rf"\1{HIDDEN}",
    ),
    (re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", re.IGNORECASE), HIDDEN),
    (re.compile(r"(?<![0-9A-Za-z])[0-9a-f]{32}(?![0-9A-Za-z])"), HIDDEN),
)
_NUMBERS: tuple[re.Pattern[str], ...] = (
    re.compile(r"(?:\+|%2[Bb])[1-9](?:[ ().\-]{0,2}\d){6,14}"),
    re.compile(r"(?<![\w.+:/-])\(?0\d{1,4}\)?[ -]?\d{3,4}[ -]?\d{3,4}(?![\w-])"),
    re.compile(r"(?<![\w.+:-])\(?\d{3}\)?[-. ]\d{3}[-. ]\d{4}(?![\w-])"),
)
_MAY_HOLD_NUMBER = re.compile(r"\d\D{0,2}\d\D{0,2}\d\D{0,2}\d")

_PLAIN = re.compile(r"[A-Za-z_]{1,31}|[A-Z]{2}[0-9a-f]{32}")
"""What no pattern below can match: a word too short for one, or one of the provider's sids. Most of a line is such."""

_known: re.Pattern[str] | None = None
_known_values: set[str] = set()


def hide(*secrets: str) -> None:
    """Remember values that no log line may hold; those shorter than eight characters might be ordinary words."""
    global _known
    _known_values.update(value for value in secrets if len(value) >= SHORTEST_SECRET)
    longest_first = sorted(_known_values, key=len, reverse=True)
    _known = re.compile("|".join(re.escape(value) for value in longest_first)) if longest_first else None


def mask_phone(number: str) -> str:
    """Return a number with all digits hidden but the first four and the last two: `+9725******67`."""
    digits = [at for at, sign in enumerate(number) if sign.isdigit()]
    shown = 4 if len(digits) > 8 else 2
    hidden = set(digits[shown : max(shown, len(digits) - 2)])
    return "".join("*" if at in hidden else sign for at, sign in enumerate(number))


def mask_text(text: str) -> str:
    """Return text without the secrets, with every phone number masked, and fit for UTF-8."""
    if not text.isascii():
        text = text.encode("utf-8", "backslashreplace").decode()
    if _known is not None:
        text = _known.sub(HIDDEN, text)
    if _PLAIN.fullmatch(text):
        return text
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    if _MAY_HOLD_NUMBER.search(text):
        for number in _NUMBERS:
            text = number.sub(_masked_match, text)
    return text


def _masked_match(match: re.Match[str]) -> str:
    found = match.group()
    if found[:3].upper() == "%2B":
        return found[:3] + mask_phone(found[3:])
    return mask_phone(found)


def mask(value: Any, depth: int = 0) -> Any:
    """Return a value fit for a log line: plain JSON types, masked throughout; anything else becomes masked text."""
    if value is None or isinstance(value, (bool, datetime, date)):
        return value
    if isinstance(value, (int, float)):
        return value if -LARGEST <= value <= LARGEST else str(value)
    if isinstance(value, str):
        return mask_text(value)
    if isinstance(value, (bytes, bytearray)):
        return mask_text(bytes(value).decode("utf-8", "replace"))
    if depth >= DEEPEST:
        return HIDDEN
    if isinstance(value, Mapping):
        return mask_fields(value, depth + 1)
    if isinstance(value, (list, tuple, set, frozenset)):
        return [mask(item, depth + 1) for item in value]
    return mask_text(str(value))


def mask_fields(fields: Mapping[Any, Any], depth: int = 0) -> dict[str, Any]:
    """Return fields with each value masked as its key asks; tokens are left out, other secrets show as `***`."""
    kept: dict[str, Any] = {}
    for key, value in fields.items():
        name = str(key)
        if _names_secret(name) and not (value is None or isinstance(value, (bool, int, float))):
            if "token" not in name.lower():
                kept[name] = HIDDEN
        elif _names_phone(name):
            kept[_mask_key(name)] = _mask_phones(value, depth)
        else:
            kept[_mask_key(name)] = mask(value, depth)
    return kept


@lru_cache(maxsize=1000)
def _names_secret(key: str) -> bool:
    return _SECRET_KEY.search(key) is not None


@lru_cache(maxsize=1000)
def _names_phone(key: str) -> bool:
    return _PHONE_KEY.search(key) is not None


def _mask_key(name: str) -> str:
    return name if name.isidentifier() else mask_text(name)


def mask_phone_field(text: str) -> str:
    """Return the value of a field that holds a number, as it was typed: every long run of digits is masked."""
    return mask_phone(text) if sum(sign.isdigit() for sign in text) > 4 else mask_text(text)


def _mask_phones(value: Any, depth: int) -> Any:
    if isinstance(value, (str, int)) and not isinstance(value, bool):
        return mask_phone_field(str(value))
    if isinstance(value, (list, tuple, set, frozenset)) and depth < DEEPEST:
        return [_mask_phones(item, depth + 1) for item in value]
    return mask(value, depth)
