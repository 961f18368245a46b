"""The tables of a page of the documentation, as a reader sees them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from stack.rundir import ROOT

Row = Mapping[str, str]
"""A row's cells by the heads of their columns."""

_WORD = re.compile(r"`([^`]+)`")


def page(name: str) -> Path:
    """A page of docs/."""
    return ROOT / "docs" / name


def rows(page: Path, first: str) -> list[Row]:
    """The rows of every table whose first column has this head."""
    return [row for row in _rows(page.read_text()) if next(iter(row)) == first]


def _rows(text: str) -> Iterator[Row]:
    heads: list[str] | None = None
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("|"):
            heads = None
        elif heads is None:
            heads = cells
        elif not set(line) <= set("|-"):
            yield dict(zip(heads, cells, strict=True))


def words(cell: str) -> list[str]:
    """What stands between backticks."""
    return _WORD.findall(cell)
