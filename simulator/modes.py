"""The catalogue of failure modes and the parameters that each takes."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

EVENTS = ("initiated", "ringing", "answered", "completed")
OUTCOMES = ("answered", "machine", "busy", "no_answer", "failed")

# Times of faults are real seconds: they are measured against the client's own time limits.
FAULTS: dict[str, frozenset[str]] = {
    "response_delay": frozenset({"seconds"}),
    "reset_after_accept": frozenset(),
    "reset_before_accept": frozenset(),
    "bad_201": frozenset({"form"}),
    "http_429": frozenset({"retry_after", "rfc9457"}),
    "account_suspended": frozenset({"code", "status"}),
    "bad_credentials": frozenset(),
    "hang": frozenset({"accept"}),
    "create_late": frozenset({"seconds"}),
    "two_sids": frozenset(),
    "error": frozenset({"code", "status", "message"}),
}

CALL_MODES: dict[str, frozenset[str]] = {
    "callback_first": frozenset({"event", "wait"}),
    "callback_duplicate": frozenset({"events", "concurrent", "new_token"}),
    "callback_lost": frozenset({"events"}),
    "callback_reorder": frozenset({"order"}),
    "callback_delay": frozenset({"events", "seconds"}),
    "callback_bad_signature": frozenset({"events", "extra"}),
    "callback_old_token": frozenset({"events"}),
    "callback_unknown_fields": frozenset({"events", "fields"}),
    "callback_wrong_account": frozenset({"events", "extra", "account"}),
    "slow_callback_client": frozenset({"events", "seconds"}),
    "rest_stale": frozenset({"lag", "duplicates"}),
    "lying_status": frozenset({"status", "seconds"}),
    "outcome": frozenset({"outcome", "ring_seconds", "talk_seconds", "answered_by", "sip_code"}),
}

# These strike every request of the account, reads too, unless the rule names an operation.
WHOLE_ACCOUNT = frozenset({"account_suspended", "bad_credentials"})
NUMBERS = frozenset({"seconds", "wait", "lag", "ring_seconds", "talk_seconds", "retry_after", "code", "sip_code"})
BAD_201_FORMS = frozenset({"empty", "truncated", "cut", "html"})

_HTTP_ERROR = re.compile(r"^http_(5\d\d)(?:_(before|after)_accept)?$")
_NAMED_CODE = re.compile(r"^[a-z]+(?:_[a-z]+)*_(\d{4,6})$")


@dataclass(frozen=True, slots=True)
class HttpError:
    """An error of Twilio's front, before or after the create was carried out."""

    status: int
    accepted: bool
    html: bool


def http_error(mode: str, params: Mapping[str, Any]) -> HttpError | None:
    """Read `http_500_before_accept` and its like; bare `http_500` takes `when`, after unless told."""
    found = _HTTP_ERROR.match(mode)
    if found is None:
        return None
    when = found[2] or params.get("when", "after")
    return HttpError(int(found[1]), when == "after", bool(params.get("html", False)))


def error_code(mode: str, params: Mapping[str, Any]) -> int | None:
    """The Twilio code that a mode answers with: `error` with its parameter, or a name that ends in the number."""
    if mode == "error":
        return int(params["code"])
    if mode == "account_suspended":
        return int(params.get("code", 20005))
    if mode == "bad_credentials":
        return 20003
    named = _NAMED_CODE.match(mode)
    return int(named[1]) if named else None


def is_fault(mode: str) -> bool:
    return mode not in CALL_MODES


def check_params(mode: str, params: Mapping[str, Any]) -> None:
    """Raise ValueError for an unknown mode or a parameter that the mode does not take."""
    unknown = set(params) - _allowed(mode)
    if unknown:
        raise ValueError(f"{mode} takes no parameter {', '.join(sorted(unknown))}")
    if mode == "error" and "code" not in params:
        raise ValueError("error needs the parameter code")
    if mode == "outcome" and params.get("outcome", "answered") not in OUTCOMES:
        raise ValueError(f"outcome must be one of {', '.join(OUTCOMES)}")
    if params.get("when", "after") not in ("before", "after"):
        raise ValueError("when must be before or after")
    if mode == "bad_201" and params.get("form", "empty") not in BAD_201_FORMS:
        raise ValueError(f"form must be one of {', '.join(sorted(BAD_201_FORMS))}")
    for name in NUMBERS & set(params):
        if params[name] is not None and (isinstance(params[name], bool) or not _not_negative(params[name])):
            raise ValueError(f"{name} must be a number, not below 0")
    for name in ("events", "order"):
        if set(params.get(name) or ()) - set(EVENTS):
            raise ValueError(f"{name} must name events out of {', '.join(EVENTS)}")


def _not_negative(value: Any) -> bool:
    return isinstance(value, int | float) and value >= 0


def _allowed(mode: str) -> frozenset[str]:
    if mode in FAULTS:
        return FAULTS[mode]
    if mode in CALL_MODES:
        return CALL_MODES[mode]
    if _HTTP_ERROR.match(mode):
        return frozenset({"when", "html"})
    if _NAMED_CODE.match(mode):
        return frozenset({"status", "message"})
    raise ValueError(f"unknown mode {mode!r}")
