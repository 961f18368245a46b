"""Names and attributes."""

from __future__ import annotations

import orjson
import pytest

from services.api.lead_fields import DEEPEST_ATTRIBUTES, clean_attributes, clean_name
from services.api.reasons import Refused


def nested(levels: int) -> dict[str, object]:
    value: dict[str, object] = {}
    for _ in range(levels - 1):
        value = {"a": value}
    return value


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (None, None),
        ("", None),
        ("  ", None),
        (" דנה  לוי\n", "דנה לוי"),
        ("O'Neill", "O'Neill"),
        ("x" * 200, "x" * 200),
    ],
)
def test_a_name_is_kept_with_its_white_space_evened_out(given: object, kept: str | None) -> None:
    assert clean_name(given) == kept


@pytest.mark.parametrize(
    ("given", "key"),
    [
        (5, "lead.name_not_text"),
        (["x"], "lead.name_not_text"),
        ("x" * 201, "lead.name_too_long"),
        ("a\x00b", "lead.bad_characters"),
        ("a\x1b[31mb", "lead.bad_characters"),
    ],
)
def test_a_bad_name_is_refused(given: object, key: str) -> None:
    with pytest.raises(Refused, match=key):
        clean_name(given)


def test_attributes_are_kept_as_they_are() -> None:
    given = {"city": "חיפה", "n": 5, "f": 1.5, "b": True, "none": None, "list": [1, {"x": "y"}]}
    kept = clean_attributes(given)
    assert kept is not None
    assert orjson.loads(kept) == given
    assert clean_attributes({}) == "{}"
    assert clean_attributes(None) is None


@pytest.mark.parametrize(
    ("given", "key"),
    [
        ("text", "lead.attributes_not_an_object"),
        ([1], "lead.attributes_not_an_object"),
        (False, "lead.attributes_not_an_object"),
        ({"a": "x" * 8_192}, "lead.attributes_too_large"),
        ({"a": "א" * 4_096}, "lead.attributes_too_large"),
        (nested(DEEPEST_ATTRIBUTES + 1), "lead.attributes_too_deep"),
        ({"a": ["b\x00"]}, "lead.bad_characters"),
        ({"b\x00": 1}, "lead.bad_attribute_key"),
        ({"k" * 201: 1}, "lead.bad_attribute_key"),
    ],
)
def test_bad_attributes_are_refused(given: object, key: str) -> None:
    with pytest.raises(Refused, match=key):
        clean_attributes(given)


def test_attributes_may_be_as_deep_as_the_limit_says() -> None:
    assert clean_attributes(nested(DEEPEST_ATTRIBUTES)) is not None
