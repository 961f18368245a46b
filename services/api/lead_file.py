"""Leads out of a CSV file, batch by batch, in the form in which the database takes them in bulk.

Rules: what is kept does not grow with the file; every line that is not taken is counted, and the first ones are kept
with their reasons. Reading is nothing but computing, so it is work for a thread.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from io import TextIOWrapper
from typing import IO

from services.api.csv_lines import Columns, Lines, Record, encoding_of, read_header, records
from services.api.lead_fields import clean_attributes, clean_name
from services.api.phones import LONGEST_INPUT, normalised
from services.api.reasons import Reason, Refused

MOST_LISTED = 1_000
BATCH = 1_000
"""Lines that are read at a time."""
_NOT_GIVEN = r"\N"


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that was not taken."""

    line: int
    phone: str | None
    reason: Reason


class LeadFile:
    """A file of leads; `region` is that of numbers without a country code. Raises Refused for what is no such file."""

    def __init__(self, file: IO[bytes], region: str) -> None:
        self.taken = 0
        self.invalid_count = 0
        self.invalid: list[BadLine] = []
        self._region = region
        lines = Lines(TextIOWrapper(file, encoding_of(file), newline=""))
        delimiter, self._columns = read_header(lines)
        self._records = records(lines, delimiter)

    def batches(self) -> Iterator[bytes]:
        """Yield leads in the text format of COPY (line, phone, name, attributes), from so many lines at a time."""
        rows: list[str] = []
        for number, record in enumerate(self._records, 1):
            if row := self._row_or_note(record):
                rows.append(row)
            if number % BATCH == 0:
                yield "".join(rows).encode()
                rows.clear()
        yield "".join(rows).encode()

    def _row_or_note(self, record: Record) -> str | None:
        if record.problem is not None:
            self._note(record, record.problem)
            return None
        try:
            row = self._row(record)
        except Refused as refused:
            self._note(record, refused.reason)
            return None
        self.taken += 1
        return row

    def _row(self, record: Record) -> str:
        columns, cells = self._columns, record.cells
        if any(cell.strip() for cell in cells[columns.count :]):
            raise Refused("lead.too_many_cells")
        phone = normalised(_cell(cells, columns.phone), self._region)
        name = clean_name(_cell(cells, columns.name))
        return f"{record.line}\t{phone}\t{_copied(name)}\t{_copied(_attributes(columns, cells))}\n"

    def _note(self, record: Record, reason: Reason) -> None:
        self.invalid_count += 1
        if len(self.invalid) < MOST_LISTED:
            phone = _cell(record.cells, self._columns.phone)
            self.invalid.append(BadLine(record.line, phone[:LONGEST_INPUT] if phone else None, reason))


def _cell(cells: list[str], place: int | None) -> str | None:
    """What is written in a column of a record; one that ends before it has nothing there."""
    return cells[place].strip() if place is not None and place < len(cells) else None


def _attributes(columns: Columns, cells: list[str]) -> str | None:
    """What the other columns say, as JSON: an empty cell says nothing."""
    given = {name: cell for place, name in columns.others if (cell := _cell(cells, place))}
    return clean_attributes(given) if given else None


def _copied(text: str | None) -> str:
    """A value in the text format of COPY. Names and JSON hold no line breaks or tabs of their own."""
    return _NOT_GIVEN if text is None else text.replace("\\", "\\\\")
