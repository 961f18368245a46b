"""The file of the demonstration holds what it is said to hold."""

import csv
from collections import Counter

import phonenumbers

from stack.rundir import ROOT

LEADS = ROOT / "demo" / "leads.csv"


def e164(written: str) -> str | None:
    try:
        number = phonenumbers.parse(written, "IL")
    except phonenumbers.NumberParseException:
        return None
    valid = phonenumbers.is_valid_number(number)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) if valid else None


def rows() -> list[dict[str, str]]:
    with LEADS.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_three_numbers_are_no_phones_and_two_stand_there_twice() -> None:
    numbers = Counter(e164(row["phone"]) for row in rows())
    assert numbers.pop(None) == 3
    assert sorted(count for count in numbers.values() if count > 1) == [2, 2]
    assert len(numbers) == 115


def test_a_number_that_stands_there_twice_is_written_differently() -> None:
    written = [row["phone"] for row in rows()]
    assert len(set(written)) == len(written)


def test_three_countries_and_every_way_of_writing_are_there() -> None:
    written = [row["phone"] for row in rows()]
    countries = {number[:3] for number in map(e164, written) if number}
    assert {"+97", "+44"} < countries
    assert any(country.startswith("+1") for country in countries)
    for sign in ("-", " ", "(", "+", "00"):
        assert any(sign in phone for phone in written), f"no number has {sign!r}"
    assert any(phone.startswith("05") and phone.isdigit() for phone in written)


def test_names_are_hebrew_too() -> None:
    assert any("\u05d0" <= letter <= "\u05ea" for row in rows() for letter in row["name"])
