"""Fields are read exactly as they were sent, for they are what was signed."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.webhook.form import MOST_FIELDS, parse
from services.webhook.refusals import Invalid

WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(st.lists(st.tuples(WORDS, WORDS), max_size=20))
def test_what_was_sent_is_what_is_read(pairs: list[tuple[str, str]]) -> None:
    assert parse(urlencode(pairs).encode()) == pairs


@given(st.binary(max_size=300))
def test_no_body_breaks_it(body: bytes) -> None:
    for name, value in parse(body):
        assert (name + value).encode().decode() == name + value


@pytest.mark.parametrize(
    ("body", "pairs"),
    [
        (b"", []),
        (b"ToZip=&ToCity=", [("ToZip", ""), ("ToCity", "")]),
        (b"a=1&a=2&a=1", [("a", "1"), ("a", "2"), ("a", "1")]),
        (b"To=%2B15005550006&Name=a+b%20c", [("To", "+15005550006"), ("Name", "a b c")]),
        (b"a=1;b=2", [("a", "1;b=2")]),
        (b"bare&=x&a=b=c", [("bare", ""), ("", "x"), ("a", "b=c")]),
        ("name=דנה".encode(), [("name", "דנה")]),
        (b"bad=%FF%00", [("bad", "\ufffd\0")]),
    ],
)
def test_each_way_of_writing_a_field(body: bytes, pairs: list[tuple[str, str]]) -> None:
    assert parse(body) == pairs


def test_a_form_of_too_many_fields_is_refused() -> None:
    assert len(parse(b"&".join([b"a=b"] * MOST_FIELDS))) == MOST_FIELDS
    with pytest.raises(Invalid):
        parse(b"&".join([b"a=b"] * (MOST_FIELDS + 1)))
