"""Fields are read leniently, and nothing that a stranger sends raises."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.telephony import fields

anything = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.text()))
nearly_a_time = st.from_regex(
    r"(Sun, )?[0-9]{1,3} (Nov|Foo)? ?[0-9]{0,5} [0-9]{1,2}:[0-9]{0,3}(:[0-9]{1,2})? ?([+-][0-9]{1,5}|GMT)?"
)


@settings(deadline=None)
@given(st.one_of(anything, nearly_a_time))
def test_no_value_raises(value: object) -> None:
    found = fields.moment(value)
    assert found is None or found.tzinfo is UTC
    number = fields.whole(value)
    assert number is None or number >= 0
    assert fields.text(value) in (None, value)
    assert fields.call_sid(value) in (None, value)


@pytest.mark.parametrize(
    "written",
    [
        "Fri, 18 Oct 2019 17:00:00 +0000",
        "Fri, 18 Oct 2019 17:00:00 GMT",
        "Fri, 18 Oct 2019 20:00:00 +0300",
        "Fri, 18 Oct 2019 17:00:00 -0000",
        "2019-10-18T17:00:00Z",
        "2019-10-18T17:00:00",
    ],
)
def test_a_time_is_read_in_utc(written: str) -> None:
    assert fields.moment(written) == datetime(2019, 10, 18, 17, tzinfo=UTC)


@pytest.mark.parametrize(("value", "number"), [("0", 0), ("49", 49), (7, 7), (True, None), (-1, None), (1.0, None)])
def test_a_number_may_come_as_text(value: object, number: int | None) -> None:
    assert fields.whole(value) == number


@pytest.mark.parametrize("sid", ["CA" + "0" * 32, "CAtest1"])
def test_a_sid_is_ca_and_letters_or_digits(sid: str) -> None:
    assert fields.call_sid(sid) == sid


@pytest.mark.parametrize(
    "sid", ["CA", "ca" + "0" * 32, "CA 1", "CA1\n", "CA/..", "CA" + "0" * 63, "", None, 5, ["CA1"]]
)
def test_anything_else_is_no_sid(sid: object) -> None:
    assert fields.call_sid(sid) is None
