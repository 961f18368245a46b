"""JSON bodies as strangers send them, read into values that can be trusted.

Rules: every refusal names the field; a body is refused with all that is wrong with it, not with the first thing; no
text gets in that the database could not keep (NUL; a lone surrogate is not valid JSON for our parser).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import orjson
from fastapi import Request

from services.api.errors import FieldError, Invalid, invalid


async def read_object(request: Request, known: Collection[str]) -> dict[str, Any]:
    """Return the JSON object in the body, whose keys are all known. Raises Invalid."""
    content_type = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if content_type != "application/json" and not content_type.endswith("+json"):
        raise invalid("body", "field.bad_json")
    try:
        body = orjson.loads(await request.body())
    except orjson.JSONDecodeError:
        raise invalid("body", "field.bad_json") from None
    if not isinstance(body, dict):
        raise invalid("body", "field.not_an_object")
    if unknown := [name for name in body if name not in known]:
        raise Invalid([(name, "field.unknown", {}) for name in unknown[:100]])
    return body


class Fields:
    """The fields of one object, taken one by one; `check` refuses them together. Null counts as absent."""

    def __init__(self, body: dict[str, Any]) -> None:
        self._body = body
        self.errors: list[FieldError] = []

    def has(self, name: str) -> bool:
        """Return whether the field is there."""
        return self._body.get(name) is not None

    def get(self, name: str) -> Any:
        """Return the field as it came, None where it is absent."""
        return self._body.get(name)

    def refuse(self, name: str, reason_key: str, **values: Any) -> None:
        """Note that a field is not valid."""
        self.errors.append((name, reason_key, values))

    def text(self, name: str, longest: int) -> str | None:
        """Return a text of 1 to `longest` characters."""
        value = self.get(name)
        if value is None:
            return None
        if not isinstance(value, str):
            self.refuse(name, "field.not_text")
        elif not value.strip():
            self.refuse(name, "field.empty")
        elif len(value) > longest:
            self.refuse(name, "field.too_long", count=longest)
        elif "\x00" in value:
            self.refuse(name, "field.bad_characters")
        else:
            return value
        return None

    def integer(self, name: str, smallest: int, largest: int) -> int | None:
        """Return a whole number in this range; true and false are none."""
        value = self.get(name)
        if value is None:
            return None
        if type(value) is not int:
            self.refuse(name, "field.not_an_integer")
        elif not smallest <= value <= largest:
            self.refuse(name, "field.out_of_range", minimum=smallest, maximum=largest)
        else:
            return value
        return None

    def choice(self, name: str, choices: Collection[str]) -> str | None:
        """Return one of these texts."""
        value = self.get(name)
        if value is None:
            return None
        if isinstance(value, str) and value in choices:
            return value
        self.refuse(name, "field.not_one_of", choices=", ".join(choices))
        return None

    def check(self) -> None:
        """Raise Invalid if anything was refused."""
        if self.errors:
            raise Invalid(self.errors)
