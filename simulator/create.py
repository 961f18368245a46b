"""What a create asks for, checked in Twilio's order.

Rules: the order is required parameters, caller id, callee, StatusCallback, its events, Timeout, Twiml, the rest;
unknown parameters are ignored; the first fault found is the answer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit

from simulator import numbers
from simulator.accounts import Account
from simulator.errors import Refusal
from simulator.modes import EVENTS
from simulator.targets import RemoteTarget, guard, is_url

DEFAULT_TIMEOUT = 60
LONGEST_TIMEOUT = 600
DEFAULT_TIME_LIMIT = 4 * 3600
LONGEST_TWIML = 4000
DETECTION = frozenset({"Enable", "DetectMessageEnd"})

Form = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Create:
    """The parameters that the simulator acts on; times in seconds."""

    to: str
    from_: str
    url: str | None
    method: str
    fallback_url: str | None
    fallback_method: str
    twiml: str | None
    status_callback: str | None
    status_callback_method: str
    events: frozenset[str]
    timeout: int
    time_limit: int
    detects_machine: bool
    async_amd: bool
    amd_callback: str | None
    amd_callback_method: str

    @classmethod
    def read(cls, form: Form) -> Self:
        """Take the parameters out of a form that `check` has passed."""
        by_application = bool(_one(form, "ApplicationSid"))
        url = _one(form, "Url")
        events = [event.lower() for event in form.get("StatusCallbackEvent", ())]
        return cls(
            to=_one(form, "To") or "",
            from_=_one(form, "From") or "",
            url=None if by_application else url,
            method=(_one(form, "Method") or "POST").upper(),
            fallback_url=_one(form, "FallbackUrl"),
            fallback_method=(_one(form, "FallbackMethod") or "POST").upper(),
            twiml=None if url or by_application else _one(form, "Twiml"),
            status_callback=None if by_application else _one(form, "StatusCallback"),
            status_callback_method=(_one(form, "StatusCallbackMethod") or "POST").upper(),
            events=frozenset(events or ["completed"]),
            timeout=int(_one(form, "Timeout") or DEFAULT_TIMEOUT),
            time_limit=int(_one(form, "TimeLimit") or DEFAULT_TIME_LIMIT),
            detects_machine=bool(_one(form, "MachineDetection")) and not _one(form, "SendDigits"),
            async_amd=(_one(form, "AsyncAmd") or "").lower() == "true",
            amd_callback=_one(form, "AsyncAmdStatusCallback"),
            amd_callback_method=(_one(form, "AsyncAmdStatusCallbackMethod") or "POST").upper(),
        )


def token_of(form: Form) -> str | None:
    """The caller's own name of the call: the last path segment of its StatusCallback."""
    try:
        path = urlsplit(_one(form, "StatusCallback") or "").path
    except ValueError:
        return None
    return path.rstrip("/").rpartition("/")[2] or None


def check(form: Form, account: Account, *, allow_remote: bool) -> None:
    """Raise the Refusal of the first parameter that Twilio would not take."""
    _check_required(form)
    _check_numbers(form, account)
    _check_callback(form, allow_remote)
    _check_whole_number(form, "Timeout", 21208, 1, LONGEST_TIMEOUT)
    if len(_one(form, "Twiml") or "") > LONGEST_TWIML and not _one(form, "Url"):
        raise Refusal(32018)
    _check_rest(form, allow_remote)


def _one(form: Form, name: str) -> str | None:
    values = form.get(name)
    return (values[-1] or None) if values else None


def _check_required(form: Form) -> None:
    if _one(form, "To") is None:
        raise Refusal(21201)
    if _one(form, "From") is None:
        raise Refusal(21213)
    url = _one(form, "Url")
    if url is None and _one(form, "Twiml") is None and _one(form, "ApplicationSid") is None:
        raise Refusal(21205, "Url parameter is required")
    if url is not None and not is_url(url):
        raise Refusal(21205, url)


def _check_numbers(form: Form, account: Account) -> None:
    to, from_ = _one(form, "To") or "", _one(form, "From") or ""
    code = numbers.refuse_from(from_, account.owns(from_))
    if code is not None:
        raise Refusal(code, from_)
    code = 21211 if to == from_ else numbers.refuse_to(to)
    if code is not None:
        raise Refusal(code, to)


def _check_callback(form: Form, allow_remote: bool) -> None:
    url = _one(form, "StatusCallback")
    if url is not None and not _one(form, "ApplicationSid"):
        if not is_url(url):
            raise Refusal(21609, url)
        _guard(url, 21609, allow_remote)
    for event in form.get("StatusCallbackEvent", ()):
        if event.lower() not in EVENTS:
            raise Refusal(21626, event)


def _check_rest(form: Form, allow_remote: bool) -> None:
    url = _one(form, "Url")
    if url is not None:
        _guard(url, 21205, allow_remote)
    for name in ("Method", "FallbackMethod", "StatusCallbackMethod", "AsyncAmdStatusCallbackMethod"):
        method = _one(form, name)
        if method is not None and method.upper() not in ("GET", "POST"):
            raise Refusal(21209, method)
    detection = _one(form, "MachineDetection")
    if detection is not None and detection not in DETECTION:
        raise Refusal(21234, detection)
    digits = _one(form, "SendDigits")
    if digits is not None and (len(digits) > 32 or set(digits.lower()) - set("0123456789abcd#*w")):
        raise Refusal(21206, digits)
    application = _one(form, "ApplicationSid")
    if application is not None and not (application.startswith("AP") and len(application) == 34):
        raise Refusal(21218, application)
    _check_whole_number(form, "TimeLimit", 20422, 1, None)


def _check_whole_number(form: Form, name: str, code: int, low: int, high: int | None) -> None:
    text = _one(form, name)
    if text is None:
        return
    number = numbers.whole(text)
    if number is None or number < low or (high is not None and number > high):
        raise Refusal(code, f"{name} {text}" if code == 20422 else text)


def _guard(url: str, code: int, allow_remote: bool) -> None:
    try:
        guard(url, allow_remote)
    except RemoteTarget as error:
        raise Refusal(code, f"{url} (simulator: {error})") from error
