"""A CSV file as a stream of records, each with the line on which it starts.

Rules: never more than one record is held, and none longer than LONGEST_RECORD; a record that cannot be read is
reported and costs its first line alone, so that one stray quote does not swallow the lines behind it; the encoding is
decided for the whole file before the first record, because a name read in the wrong one cannot be told from a good one.
"""

from __future__ import annotations

import codecs
import csv
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import TextIOWrapper
from typing import IO

from services.api.reasons import Reason, Refused

LONGEST_RECORD = 65_536
"""Characters, quoted line breaks included."""
DELIMITERS = ",;\t"
ENCODINGS = ("utf-8-sig", "windows-1255")
MOST_COLUMNS = 500
LONGEST_COLUMN_NAME = 200
PHONE, NAME = "phone", "name"
_PIECE = 1 << 20
_EDGES = " \t\r\n\xa0\u200e\u200f\u202a\u202b\u202c\u202d\u202e\ufeff"
"""What surrounds a column's name without being part of it."""


@dataclass(frozen=True, slots=True)
class Record:
    """The cells of one record; `problem` says why they cannot be used."""

    line: int
    cells: list[str] = field(default_factory=list)
    problem: Reason | None = None

    @property
    def blank(self) -> bool:
        """Whether nothing is written in it."""
        return self.problem is None and not any(cell.strip() for cell in self.cells)


@dataclass(frozen=True, slots=True)
class Columns:
    """What a header says: where the phone and the name stand, and how the other columns are called."""

    phone: int
    name: int | None
    others: tuple[tuple[int, str], ...]
    count: int


def encoding_of(file: IO[bytes]) -> str:
    """Return the encoding that the whole file is written in. Raises Refused when it is neither of ours."""
    for encoding in ENCODINGS:
        if _decodes(file, encoding):
            return encoding
    raise Refused("field.bad_encoding")


def _decodes(file: IO[bytes], encoding: str) -> bool:
    file.seek(0)
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    try:
        while piece := file.read(_PIECE):
            decoder.decode(piece)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    finally:
        file.seek(0)
    return True


class Lines:
    """The physical lines of a text, numbered from 1; lines that were taken can be given back."""

    def __init__(self, source: TextIOWrapper) -> None:
        self._source = source
        self._given_back: deque[str] = deque()
        self._taken: list[str] = []
        self._length = 0
        self.number = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._given_back.popleft() if self._given_back else self._read()
        if not line:
            raise StopIteration
        self.number += 1
        self._taken.append(line)
        self._length += len(line)
        if self._length > LONGEST_RECORD:
            key = "lead.quote_not_closed" if len(self._taken) > 1 else "lead.line_too_long"
            raise Refused(key, length=LONGEST_RECORD)
        return line

    def _read(self) -> str:
        """Return the next line, or the beginning of one that is too long: the rest of that one is passed over."""
        line = rest = self._source.readline(LONGEST_RECORD + 1)
        while len(rest) > LONGEST_RECORD and rest[-1] not in "\r\n":
            rest = self._source.readline(LONGEST_RECORD + 1)
        return line

    def start_record(self) -> None:
        """Forget the lines that were taken."""
        self._taken.clear()
        self._length = 0

    def give_back(self, *, keep: int) -> None:
        """Give back the lines taken since the record's start, but for the first `keep`."""
        back = self._taken[keep:]
        self._given_back.extendleft(reversed(back))
        self.number -= len(back)
        self.start_record()


def records(lines: Lines, delimiter: str) -> Iterator[Record]:
    """Yield each record that is not blank."""
    reader = _reader(lines, delimiter)
    while (record := _next_record(reader, lines)) is not None:
        if record.problem is not None and not record.cells:
            lines.give_back(keep=1)
        if not record.blank:
            yield record


def _reader(lines: Lines, delimiter: str) -> Iterator[list[str]]:
    return csv.reader(lines, delimiter=delimiter, strict=True, skipinitialspace=True)


def _next_record(reader: Iterator[list[str]], lines: Lines) -> Record | None:
    """Return the next record; one without cells could not be read, and all lines that it took can be given back."""
    lines.start_record()
    start = lines.number + 1
    try:
        cells = next(reader, None)
    except csv.Error:
        return Record(start, problem=Reason("lead.bad_quotes", {}))
    except Refused as refused:
        return Record(start, problem=refused.reason)
    if cells is None:
        return None
    if any("\x00" in cell for cell in cells):
        return Record(start, cells, Reason("lead.bad_characters", {}))
    return Record(start, cells)


def read_header(lines: Lines) -> tuple[str, Columns]:
    """Return the delimiter and the columns that the first line that is not blank names. Raises Refused."""
    try:
        _pass_blank_lines(lines)
    except Refused:
        raise Refused("field.bad_csv_header") from None
    read: list[tuple[str, Columns]] = []
    problem = Refused("field.bad_csv_header")
    for delimiter in DELIMITERS:
        header = _next_record(_reader(lines, delimiter), lines)
        lines.give_back(keep=0)
        if header is None:
            raise Refused("field.empty_file")
        try:
            read.append((delimiter, _columns(header)))
        except Refused as error:
            problem = error if error.reason.key == "field.doubled_csv_column" else problem
    if not read:
        raise problem
    delimiter, columns = max(read, key=lambda found: found[1].count)
    _next_record(_reader(lines, delimiter), lines)
    return delimiter, columns


def _pass_blank_lines(lines: Lines) -> None:
    for line in lines:
        blank = not line.strip(_EDGES + DELIMITERS)
        lines.give_back(keep=1 if blank else 0)
        if not blank:
            return


def _columns(header: Record) -> Columns:
    if header.problem is not None or len(header.cells) > MOST_COLUMNS:
        raise Refused("field.bad_csv_header")
    names = [cell.strip(_EDGES) for cell in header.cells]
    if any(len(name) > LONGEST_COLUMN_NAME for name in names):
        raise Refused("field.bad_csv_header")
    places: dict[str, int] = {}
    for place, name in enumerate(names):
        if name and places.setdefault(name.casefold(), place) != place:
            raise Refused("field.doubled_csv_column", column=name)
    if PHONE not in places:
        raise Refused("field.bad_csv_header")
    phone, called = places.pop(PHONE), places.pop(NAME, None)
    return Columns(phone, called, tuple((place, names[place]) for place in places.values()), len(names))
