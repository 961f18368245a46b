"""JSON lines with fields of known types."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from history.errors import Unreadable


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a file; every getter raises Unreadable, naming file, line and field, for what is not there."""

    where: str
    fields: dict[str, Any]

    def text(self, name: str) -> str:
        value = self.fields.get(name)
        if not isinstance(value, str):
            raise self.wrong(name, "a text")
        return value

    def text_or_none(self, name: str) -> str | None:
        return None if self.fields.get(name) is None else self.text(name)

    def number(self, name: str) -> float:
        value = self.fields.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise self.wrong(name, "a number")
        return float(value)

    def number_or_none(self, name: str) -> float | None:
        return None if self.fields.get(name) is None else self.number(name)

    def whole(self, name: str) -> int:
        value = self.fields.get(name)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.wrong(name, "a whole number")
        return value

    def whole_or_none(self, name: str) -> int | None:
        return None if self.fields.get(name) is None else self.whole(name)

    def wrong(self, name: str, wanted: str) -> Unreadable:
        return Unreadable(f"{self.where}: {name} is not {wanted}")


def read_lines(path: Path, *, torn: bool = False) -> Iterator[Line]:
    """The lines of a file, empty ones left out; with `torn` a last line without its end is left out as well."""
    try:
        with path.open("rb") as file:
            for number, raw in enumerate(file, start=1):
                if raw.strip() and (raw.endswith(b"\n") or not torn):
                    yield _line(raw, f"{path.name}, line {number}")
    except OSError as error:
        raise Unreadable(f"{path} cannot be read: {error.strerror}") from error


def _line(raw: bytes, where: str) -> Line:
    try:
        fields = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise Unreadable(f"{where}: not JSON") from error
    if not isinstance(fields, dict):
        raise Unreadable(f"{where}: not a JSON object")
    return Line(where, fields)
