"""A lead's name and attributes: what is kept of them, and what is refused."""

from __future__ import annotations

import re

import orjson

from services.api.reasons import Refused

LONGEST_NAME = 200
MOST_ATTRIBUTE_BYTES = 8_192
DEEPEST_ATTRIBUTES = 5
LONGEST_KEY = 200

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def clean_name(value: object) -> str | None:
    """Return a name with its white space evened out, None for one that was not given. Raises Refused."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise Refused("lead.name_not_text")
    name = " ".join(value.split())
    if len(name) > LONGEST_NAME:
        raise Refused("lead.name_too_long", length=LONGEST_NAME)
    if _CONTROL.search(name):
        raise Refused("lead.bad_characters")
    return name or None


def clean_attributes(value: object) -> str | None:
    """Return attributes as JSON, None for those that were not given. Raises Refused."""
    if value is None:
        return None
    if not isinstance(value, dict):
        raise Refused("lead.attributes_not_an_object")
    _check_depth(value, DEEPEST_ATTRIBUTES)
    written = orjson.dumps(value)
    if len(written) > MOST_ATTRIBUTE_BYTES:
        raise Refused("lead.attributes_too_large", bytes=MOST_ATTRIBUTE_BYTES)
    return written.decode()


def _check_depth(value: object, depth: int) -> None:
    """Refuse what is nested too deeply, and NUL, which PostgreSQL cannot keep."""
    if isinstance(value, str):
        if "\x00" in value:
            raise Refused("lead.bad_characters")
    elif isinstance(value, (dict, list)):
        if depth == 0:
            raise Refused("lead.attributes_too_deep", levels=DEEPEST_ATTRIBUTES)
        if isinstance(value, dict):
            for key in value:
                if len(key) > LONGEST_KEY or "\x00" in key:
                    raise Refused("lead.bad_attribute_key", length=LONGEST_KEY)
        for part in value.values() if isinstance(value, dict) else value:
            _check_depth(part, depth - 1)
