"""What a body says about a business: each field checked, every one that is wrong named at once."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import SecretStr

from services.api.errors import FieldError, Invalid
from services.api.phones import is_region
from services.api.reasons import Refused
from shared.messages import LOCALES

LONGEST_NAME = 200
LARGEST_CAP = 100_000
SMALLEST_RATE, LARGEST_RATE = 0.0001, 100_000
"""Calls a second. Below, the time of the next call is one that the database cannot write down."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_ACCOUNT_SID = re.compile(r"AC[0-9a-zA-Z]{32}")
_AUTH_TOKEN = re.compile(r"[\x21-\x7e]{1,200}")
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")


@dataclass(frozen=True, slots=True)
class NewAccount:
    """The account that a business is to have; its number is among the business's fields."""

    account_sid: str
    auth_token: SecretStr


@dataclass(frozen=True, slots=True)
class BusinessChange:
    """What is to be written; `detach` takes the business back to the shared account."""

    fields: Mapping[str, Any] = field(default_factory=dict)
    account: NewAccount | None = None
    detach: bool = False

    @property
    def touches_accounts(self) -> bool:
        """Whether an account, which several businesses may share, changes along with it."""
        return self.account is not None or self.detach or "calls_per_second" in self.fields


def read_change(body: Mapping[str, Any], *, required: tuple[str, ...] = ()) -> BusinessChange:
    """Return what a body asks for. Raises Invalid with every field that is wrong."""
    wrong: list[FieldError] = [(name, "field.required", {}) for name in required if name not in body]
    twilio = body.get("twilio")
    account = _read_fields(twilio, _ACCOUNT_READERS, wrong, "twilio.") if twilio is not None else {}
    fields = _read_fields({name: value for name, value in body.items() if name != "twilio"}, _READERS, wrong, "")
    if wrong:
        raise Invalid(wrong)
    if not account:
        return BusinessChange(fields, detach="twilio" in body)
    fields["from_number"] = account["from_number"]
    return BusinessChange(fields, NewAccount(account["account_sid"], SecretStr(account["auth_token"])))


Reader = Callable[[Any], Any]


def _read_fields(given: object, readers: Mapping[str, Reader], wrong: list[FieldError], prefix: str) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        wrong.append((prefix.rstrip("."), "field.not_an_object", {}))
        return {}
    if prefix:
        wrong.extend((prefix + name, "field.required", {}) for name in readers if name not in given)
    read = {}
    for name, value in given.items():
        if name not in readers:
            wrong.append((prefix + name, "field.unknown", {}))
            continue
        try:
            read[name] = readers[name](value)
        except Refused as refused:
            wrong.append((prefix + name, refused.reason.key, refused.reason.values))
    return read


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise Refused("field.not_text")
    return value


def _name(value: object) -> str:
    name = _text(value).strip()
    if not name:
        raise Refused("field.empty")
    if len(name) > LONGEST_NAME:
        raise Refused("field.too_long", count=LONGEST_NAME)
    if _CONTROL.search(name):
        raise Refused("field.bad_characters")
    return name


def _cap(value: object) -> int:
    if type(value) is not int:
        raise Refused("field.not_an_integer")
    if not 1 <= value <= LARGEST_CAP:
        raise Refused("field.out_of_range", minimum=1, maximum=LARGEST_CAP)
    return value


def _rate(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Refused("field.not_a_number")
    if not value > 0:
        raise Refused("field.not_above", minimum=0)
    if value < SMALLEST_RATE:
        raise Refused("field.too_small", minimum=f"{SMALLEST_RATE}")
    if value > LARGEST_RATE or not math.isfinite(value):
        raise Refused("field.too_big", maximum=LARGEST_RATE)
    return float(value)


def _region(value: object) -> str:
    code = _text(value).upper()
    if not is_region(code):
        raise Refused("field.unknown_region")
    return code


def _locale(value: object) -> str:
    if _text(value) not in LOCALES:
        raise Refused("field.unknown_locale")
    return _text(value)


def _matching(pattern: re.Pattern[str], key: str) -> Reader:
    def read(value: object) -> str:
        if not pattern.fullmatch(_text(value)):
            raise Refused(key)
        return _text(value)

    return read


_READERS: Mapping[str, Reader] = {
    "name": _name,
    "max_concurrent_calls": _cap,
    "calls_per_second": _rate,
    "default_region": _region,
    "locale": _locale,
}
_ACCOUNT_READERS: Mapping[str, Reader] = {
    "account_sid": _matching(_ACCOUNT_SID, "field.bad_account_sid"),
    "auth_token": _matching(_AUTH_TOKEN, "field.bad_auth_token"),
    "from_number": _matching(_E164, "field.not_e164"),
}
