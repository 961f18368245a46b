"""Why a request is refused: the status it gets, and the word under which it is counted."""

from __future__ import annotations

from typing import ClassVar

from shared.errors import RingfenceError


class Refusal(RingfenceError):
    """The request is refused."""

    status: ClassVar[int]
    code: ClassVar[str]
    result: ClassVar[str]


class NotAForm(Refusal):
    """The body is not application/x-www-form-urlencoded."""

    status, code, result = 415, "invalid", "not_a_form"


class TooLarge(Refusal):
    """The body is too large."""

    status, code, result = 413, "too_large", "too_large"


class TooSlow(Refusal):
    """The body did not arrive in time."""

    status, code, result = 408, "invalid", "too_slow"


class Invalid(Refusal):
    """The form cannot be used."""

    status, code, result = 400, "invalid", "invalid"


class BadSignature(Refusal):
    """The request is not signed by the account that owns the call."""

    status, code, result = 403, "forbidden", "bad_signature"


class WrongAccount(Refusal):
    """The request names another account than the one that owns the call."""

    status, code, result = 403, "forbidden", "wrong_account"


class Orphan(Refusal):
    """No call has this token."""

    status, code, result = 404, "not_found", "orphan"


class Unavailable(Refusal):
    """The callback cannot be recorded now; try again."""

    status, code, result = 503, "unavailable", "unavailable"


REFUSED = tuple(
    refusal.result
    for refusal in (NotAForm, TooLarge, TooSlow, Invalid, BadSignature, WrongAccount, Orphan, Unavailable)
)
