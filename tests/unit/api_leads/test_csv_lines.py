"""CSV files as programs and people write them, read record by record."""

from __future__ import annotations

import csv
from io import BytesIO, StringIO, TextIOWrapper

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.api.csv_lines import LONGEST_RECORD, Columns, Lines, Record, encoding_of, read_header, records
from services.api.reasons import Refused


def lines_of(content: bytes) -> Lines:
    file = BytesIO(content)
    return Lines(TextIOWrapper(file, encoding_of(file), newline=""))


def read(content: str | bytes) -> tuple[str, Columns, list[Record]]:
    lines = lines_of(content.encode() if isinstance(content, str) else content)
    delimiter, columns = read_header(lines)
    return delimiter, columns, list(records(lines, delimiter))


def cells(content: str | bytes) -> list[tuple[int, list[str] | str]]:
    """Each record's line, with its cells or the key of its problem."""
    found = read(content)[2]
    return [(record.line, record.problem.key if record.problem else record.cells) for record in found]


def refusal(content: bytes) -> str:
    with pytest.raises(Refused) as refused:
        read(content)
    return refused.value.reason.key


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("bom", ["", "\ufeff"])
def test_every_dialect_says_the_same(delimiter: str, ending: str, bom: str) -> None:
    content = bom + ending.join(["phone,name,city", "1,א,x", "", '2,"b, ""c""",y', ""]).replace(",", delimiter)
    found_delimiter, columns, found = read(content)
    assert found_delimiter == delimiter
    assert columns == Columns(0, 1, ((2, "city"),), 3)
    assert [(record.line, record.cells) for record in found] == [
        (2, ["1", "א", "x"]),
        (4, ["2", f'b{delimiter} "c"', "y"]),
    ]


@pytest.mark.parametrize(
    ("header", "columns"),
    [
        ("phone", Columns(0, None, (), 1)),
        ("PHONE,Name", Columns(0, 1, (), 2)),
        ('"name"," Phone "', Columns(1, 0, (), 2)),
        ("\u200fphone\u200f,עיר", Columns(0, None, ((1, "עיר"),), 2)),
        ("phone,,", Columns(0, None, (), 3)),
        ("phone;a,b", Columns(0, None, ((1, "a,b"),), 2)),
        ("phone,First Name,PHONE number", Columns(0, None, ((1, "First Name"), (2, "PHONE number")), 3)),
        ('phone,"two\nlines"', Columns(0, None, ((1, "two\nlines"),), 2)),
    ],
)
def test_a_header_names_its_columns_in_any_case(header: str, columns: Columns) -> None:
    assert read(f"{header}\n")[1] == columns


@pytest.mark.parametrize(
    ("content", "key"),
    [
        (b"\n \n;;;\n", "field.empty_file"),
        (b"name,city\n1,2\n", "field.bad_csv_header"),
        (b"0522005574,Dana\n", "field.bad_csv_header"),
        (b"phone,name,Name\n", "field.doubled_csv_column"),
        (b"phone;PHONE\n", "field.doubled_csv_column"),
        (b'phone,"name\n', "field.bad_csv_header"),
        (b"phone,na\x00me\n", "field.bad_csv_header"),
        (b"phone," + b"x" * 300 + b"\n", "field.bad_csv_header"),
        (b"phone" + b"," * 600 + b"\n", "field.bad_csv_header"),
        (b"phone," + b"x" * 70_000 + b"\n", "field.bad_csv_header"),
        (b"PK\x03\x04\x14\x00\x00\x00", "field.bad_csv_header"),
        (b"\xff\xfep\x00h\x00o\x00n\x00e\x00", "field.bad_encoding"),
        (b"\x89PNG\r\n\x1a\n\xff\xd9", "field.bad_encoding"),
    ],
)
def test_what_is_no_table_of_leads_is_refused(content: bytes, key: str) -> None:
    assert refusal(content) == key


def test_windows_1255_is_told_from_utf_8_even_at_the_very_end() -> None:
    head = b"phone,name\n" + b"1,plain\n" * 300_000
    assert encoding_of(BytesIO(head + "2,דנה\n".encode())) == "utf-8-sig"
    assert encoding_of(BytesIO(head + "2,דנה\n".encode("windows-1255"))) == "windows-1255"
    assert cells("phone,name\n2,דנה\n".encode("windows-1255")) == [(2, ["2", "דנה"])]


def test_a_letter_cut_in_half_by_the_reading_is_still_utf_8() -> None:
    assert encoding_of(BytesIO(b"x" * ((1 << 20) - 1) + "א".encode())) == "utf-8-sig"


def test_lines_are_counted_as_an_editor_shows_them() -> None:
    content = 'phone,note\n1,"a\nb\r\nc"\n\n2,x\n,\n3,"y\n"\n4,z'
    assert cells(content) == [(2, ["1", "a\nb\r\nc"]), (6, ["2", "x"]), (8, ["3", "y\n"]), (10, ["4", "z"])]


def test_a_header_may_come_after_blank_lines() -> None:
    assert cells("\n ,,\n\nphone,name\n1,a\n") == [(5, ["1", "a"])]


def test_a_stray_quote_costs_its_own_line_alone() -> None:
    content = 'phone,name\n1,"open\n2,b\n3,c\n'
    assert cells(content) == [(2, "lead.bad_quotes"), (3, ["2", "b"]), (4, ["3", "c"])]
    content = 'phone,name\n1,"open\n2,b\n3,"c"\n4,d\n'
    assert cells(content) == [(2, "lead.bad_quotes"), (3, ["2", "b"]), (4, ["3", "c"]), (5, ["4", "d"])]
    assert cells('phone,name\n1,"a" b\n2,c\n') == [(2, "lead.bad_quotes"), (3, ["2", "c"])]


def test_a_quote_inside_a_word_is_a_letter() -> None:
    assert cells('phone,name\n1,צה"ל\n') == [(2, ["1", 'צה"ל'])]


def test_an_unclosed_quote_does_not_swallow_a_long_file() -> None:
    rest = [f"{number},x" for number in range(20_000)]
    found = cells("\n".join(["phone,name", '0,"open', *rest]))
    assert found[0] == (2, "lead.quote_not_closed")
    assert len(found) == 1 + len(rest)
    assert found[-1] == (2 + len(rest), ["19999", "x"])


def test_an_overlong_line_is_reported_and_passed_over() -> None:
    content = "phone,name\n1,a\n2," + "x" * (3 * LONGEST_RECORD) + "\n3,c\r\n"
    assert cells(content) == [(2, ["1", "a"]), (3, "lead.line_too_long"), (4, ["3", "c"])]
    assert cells("phone,name\n2," + "x" * (3 * LONGEST_RECORD)) == [(2, "lead.line_too_long")]


def test_nul_is_reported_in_its_line() -> None:
    assert cells("phone,name\n1,a\x00b\n2,c\n") == [(2, "lead.bad_characters"), (3, ["2", "c"])]


@settings(deadline=None)
@given(st.lists(st.tuples(st.text(max_size=8), st.text(max_size=8)), max_size=8), st.sampled_from(",;\t"))
def test_what_a_csv_writer_wrote_is_read_back(rows: list[tuple[str, str]], delimiter: str) -> None:
    rows = [(f"p{first}x".replace("\x00", ""), second.replace("\x00", "").lstrip(" ")) for first, second in rows]
    rows = [
        (first.encode("utf-8", "ignore").decode(), second.encode("utf-8", "ignore").decode()) for first, second in rows
    ]
    written = StringIO(newline="")
    csv.writer(written, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows([("phone", "name"), *rows])
    found = read(written.getvalue())
    assert found[0] == delimiter
    assert [tuple(record.cells) for record in found[2]] == rows


@settings(deadline=None)
@given(st.text(st.sampled_from('1,"\n\r;\t אx'), max_size=60))
def test_whatever_follows_the_header_each_line_is_read_reported_or_blank(body: str) -> None:
    found = cells("phone,name\n" + body)
    assert all(2 <= line <= 3 + len(body) for line, _ in found)
    assert [line for line, _ in found] == sorted({line for line, _ in found})
