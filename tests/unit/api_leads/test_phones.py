"""Numbers as people write them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.api.phones import is_region, normalised
from services.api.reasons import Refused


def refusal(raw: object, region: str = "IL") -> str:
    with pytest.raises(Refused) as refused:
        normalised(raw, region)
    return refused.value.reason.key


def attempt(raw: object) -> str | None:
    try:
        return normalised(raw, "IL")
    except Refused:
        return None


@pytest.mark.parametrize(
    "written",
    [
        "0522005574",
        "052-2005574",
        " 052 200 5574 ",
        "(052) 200-5574",
        "052.200.5574",
        "+972522005574",
        "+972-(0)52-2005574",
        "972-52-2005574",
        "00972 52 2005574",
        "０５２２００５５７４",
        "٠٥٢٢٠٠٥٥٧٤",
        "\u200f052-2005574\u200e",
        "\u202a+972522005574\u202c",
        "\ufeff0522005574",
        "052–200—5574",
        "052\u00a0200\u00a05574",
        "052־2005574",
        "052\u00ad2005574",
        "＋972522005574",
    ],
)
def test_every_notation_of_one_number_is_one_number(written: str) -> None:
    assert normalised(written, "IL") == "+972522005574"


@pytest.mark.parametrize(
    ("written", "region", "number"),
    [
        ("(312) 555-0172", "US", "+13125550172"),
        ("011 972 52 200 5574", "US", "+972522005574"),
        ("020 7946 0018", "GB", "+442079460018"),
        ("+44 20 7946 0018", "IL", "+442079460018"),
        ("06 12345678", "IT", "+390612345678"),
        ("+15005550006", "IL", "+15005550006"),
    ],
)
def test_a_number_without_country_code_is_of_the_region(written: str, region: str, number: str) -> None:
    assert normalised(written, region) == number


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (None, "lead.phone_missing"),
        ("", "lead.phone_missing"),
        (" \t\u200f", "lead.phone_missing"),
        (522005574, "lead.phone_not_text"),
        (5.22e8, "lead.phone_not_text"),
        (True, "lead.phone_not_text"),
        (["0522005574"], "lead.phone_not_text"),
        ({"phone": "0522005574"}, "lead.phone_not_text"),
        ("1-800-FLOWERS", "lead.phone_has_letters"),
        ("052-2005574 נייד", "lead.phone_has_letters"),
        ("tel:0522005574", "lead.phone_has_letters"),
        ("9.72522E+11", "lead.phone_has_letters"),
        ("052-2005574 ext. 5", "lead.phone_has_extension"),
        ("052-2005574 x5", "lead.phone_has_extension"),
        ("052-2005574#5", "lead.phone_has_extension"),
        ("+972522005574;ext=5", "lead.phone_has_extension"),
        ("052-2005574,,5", "lead.phone_has_extension"),
        ("052-2005574 שלוחה 5", "lead.phone_has_extension"),
        ("0522005574, 0522005575", "lead.phone_unreadable"),
        ('="0522005574"', "lead.phone_unreadable"),
        ("052_2005574", "lead.phone_unreadable"),
        ("052\x002005574", "lead.phone_unreadable"),
        ("+", "lead.phone_unreadable"),
        ("-", "lead.phone_unreadable"),
        ("1" * 65, "lead.phone_unreadable"),
        ("0522005574/0522005575", "lead.phone_of_nobody"),
        ("050-12345", "lead.phone_of_nobody"),
        ("+1 112 555 0147", "lead.phone_of_nobody"),
        ("+999 1234567", "lead.phone_of_nobody"),
        ("100", "lead.phone_of_nobody"),
        ("0" * 30, "lead.phone_of_nobody"),
    ],
)
def test_what_is_no_number_is_refused_with_the_reason(raw: object, reason: str) -> None:
    assert refusal(raw) == reason


def test_a_number_too_long_for_e164_is_refused() -> None:
    """Germany has valid numbers of 15 digits without the country code, which no E.164 field can hold."""
    assert refusal("+49 1761 1111 1111 1111") == "lead.phone_of_nobody"


@settings(deadline=None, max_examples=300)
@given(st.one_of(st.text(), st.text("0123456789+-() #x,;/\u200f٠１", max_size=30)))
def test_any_text_is_a_number_in_e164_or_refused(text: str) -> None:
    number = attempt(text)
    if number is not None:
        assert re.fullmatch(r"\+[1-9][0-9]{4,14}", number)
        assert normalised(number, "US") == number


@pytest.mark.parametrize(("code", "known"), [("IL", True), ("US", True), ("il", False), ("UK", False), ("001", False)])
def test_regions_are_those_of_iso_3166(code: str, known: bool) -> None:
    assert is_region(code) is known


@pytest.mark.parametrize("raw", ["+972501234567", "050-1234567", "+15551234567", "+447700900123", "054-0000001"])
def test_a_number_in_a_range_that_the_metadata_does_not_know_yet_is_taken(raw: str) -> None:
    """Ranges are opened after a release of the metadata; what nobody has the provider refuses."""
    assert normalised(raw, "IL").endswith(raw.replace("-", "")[-7:])


@pytest.mark.parametrize(
    "raw", ["0000000000", "+10000000000", "+1 112 555 0147", "050-12345", "+44 20 7946", "+972501"]
)
def test_a_number_that_no_range_could_ever_hold_is_refused(raw: str) -> None:
    with pytest.raises(Refused):
        normalised(raw, "IL")
