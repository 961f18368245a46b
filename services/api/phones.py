"""Phone numbers as people write them, brought to E.164.

Rules: what a number means is decided by `phonenumbers` alone. A number that it holds for valid is taken, and so is one
of a mobile's length in a range that it does not know: ranges are opened all the time, and the provider has the last
word. What it would guess at (letters on a keypad, an extension, a digit string that a program took for a number) is
refused with the reason, because a guess that is wrong rings a stranger.
"""

from __future__ import annotations

import re

import phonenumbers

from services.api.reasons import Refused

LONGEST_INPUT = 64
"""Characters; the longest number with every digit set apart has fewer."""

_INVISIBLE = dict.fromkeys(map(ord, "\u061c\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\u00ad")) | dict.fromkeys(
    [*range(0x202A, 0x202F), *range(0x2066, 0x206A)]
)
"""Marks of direction and joining, which come along with numbers copied out of right-to-left text."""
_MAQAF = {0x05BE: "-"}
_CLEANED = {**_INVISIBLE, **_MAQAF}
_EXTENSION = re.compile(r"(?:;ext=|\bext(?:n|ension)?\b|[x#]|,,|שלוחה)[\s.:#]*\d{1,8}\W*$", re.IGNORECASE)
_LETTER = re.compile(r"[^\W\d_]")
_ALLOWED = re.compile(r"[\d\s+\uff0b()\[\]./~\-\u2010-\u2015\u2212\u30fc\uff08\uff09\uff0d-\uff0f\uff3b\uff3d\uff5e]+")
_NORTH_AMERICA = 1
_AREA = re.compile(r"[2-9]")  # no area code begins with 0 or 1 (North American Numbering Plan)
_E164 = re.compile(r"\+[1-9][0-9]{4,14}")


def is_region(code: str) -> bool:
    """Return whether this is a region (ISO 3166, upper case) whose numbers are known."""
    return code in phonenumbers.SUPPORTED_REGIONS


def normalised(raw: object, region: str) -> str:
    """Return a number in E.164; `region` (ISO 3166) is that of numbers written without a country code.

    Raises Refused for whatever is not a number that a phone can have.
    """
    number = _parsed(_digits_only_text(raw), region)
    found = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    if not _E164.fullmatch(found) or not (phonenumbers.is_valid_number(number) or _could_be_new(number)):
        raise Refused("lead.phone_of_nobody")
    return found


def _could_be_new(number: phonenumbers.PhoneNumber) -> bool:
    """Whether a phone could have this number in a range that the metadata does not know yet.

    A national number does not begin with 0, which is how national notation begins.
    """
    length = phonenumbers.is_possible_number_for_type_with_reason(number, phonenumbers.PhoneNumberType.MOBILE)
    if length is not phonenumbers.ValidationResult.IS_POSSIBLE:
        return False
    national = phonenumbers.national_significant_number(number)
    if number.country_code == _NORTH_AMERICA:
        return bool(_AREA.match(national))
    return national[0] != "0"


def _digits_only_text(raw: object) -> str:
    if raw is None:
        raise Refused("lead.phone_missing")
    if not isinstance(raw, str):
        raise Refused("lead.phone_not_text")
    if len(raw) > LONGEST_INPUT:
        raise Refused("lead.phone_unreadable")
    phone = raw.translate(_CLEANED).strip()
    if not phone:
        raise Refused("lead.phone_missing")
    if not _ALLOWED.fullmatch(phone):
        raise Refused(_why_not_allowed(phone))
    return phone


def _why_not_allowed(phone: str) -> str:
    if _EXTENSION.search(phone):
        return "lead.phone_has_extension"
    return "lead.phone_has_letters" if _LETTER.search(phone) else "lead.phone_unreadable"


def _parsed(phone: str, region: str) -> phonenumbers.PhoneNumber:
    try:
        return phonenumbers.parse(phone, region)
    except phonenumbers.NumberParseException as error:
        if error.error_type == phonenumbers.NumberParseException.NOT_A_NUMBER:
            raise Refused("lead.phone_unreadable") from None
        raise Refused("lead.phone_of_nobody") from None
