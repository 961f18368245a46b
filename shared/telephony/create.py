"""Creates a call: one POST, never repeated. Only the dispatcher may import this module.

Rules: before the gate opened nothing was sent, whatever went wrong; after it only a whole answer that refuses or
carries a sid is certain, and everything else is ambiguous. No error's text holds a number, a URL or a secret.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

import twilio.rest.api  # noqa: F401  # the SDK loads it with its first use, and the first call should not wait for that
from twilio.http import AsyncHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from shared.errors import Ambiguous, CreateFailed, CreateRejected, DeadlinePassed, NotSent
from shared.logs import logger
from shared.telephony import fields
from shared.telephony.answers import AnswerClass, classify
from shared.telephony.credentials import Credentials
from shared.telephony.gate import Gate
from shared.telephony.http import Answer, ProviderHttp
from shared.telephony.scrub import scrub

_log = logger()

LONGEST_QUEUE_MS: Final = 24 * 3_600_000
"""The provider rejects what would wait longer (its error 22005)."""
ACCOUNTS_KEPT: Final = 1000
"""Accounts whose client is kept ready."""
EVENTS: Final = ["ringing", "answered", "completed"]
"""`initiated` would tell nothing that the answer does not, and mostly races with it."""
# The SDK reads os.environ when it is given an empty mapping, and TWILIO_EDGE or TWILIO_REGION would change the host.
_NO_ENVIRONMENT: Final = {"TWILIO_EDGE": "", "TWILIO_REGION": ""}


@dataclass(frozen=True)
class CreateRequest:
    """What a create says. Times are in seconds; numbers are E.164. The repr keeps numbers and tokens to itself."""

    to: str = field(repr=False)
    from_: str = field(repr=False)
    voice_url: str = field(repr=False)
    status_callback_url: str = field(repr=False)
    ring_timeout: int
    time_limit: int


@dataclass(frozen=True)
class CreateAccepted:
    """The provider holds a call. `queue_time_ms` is its estimate until it dials, `concurrent` requests in flight."""

    call_sid: str
    queue_time_ms: int | None
    request_id: str | None
    concurrent: int | None


async def create_call(
    http: ProviderHttp,
    credentials: Credentials,
    request: CreateRequest,
    *,
    send_before: float,
    on_sent: Callable[[], None] | None = None,
) -> CreateAccepted:
    """Sends one create while `boottime.now() < send_before`, and awaits its answer for `http.dial_timeout`.

    `on_sent` is called at the moment from which on a byte may have left; it must not raise.
    Raises DeadlinePassed or NotSent when no byte left, CreateRejected when the provider refused, and Ambiguous when
    it may hold a call.
    """
    once = _OneCreate(http, credentials, Gate(send_before, on_sent))
    calls = _calls_of(credentials.account_sid, credentials.auth_token.get_secret_value())
    outer = _under_way.set(once)
    try:
        await calls.create_async(
            to=request.to,
            from_=request.from_,
            url=request.voice_url,
            status_callback=request.status_callback_url,
            status_callback_event=EVENTS,
            timeout=request.ring_timeout,
            time_limit=request.time_limit,
        )
    except CreateFailed:
        raise
    except Exception as error:
        # The SDK stumbles over fields that nobody here needs; the sid is certain all the same.
        if once.accepted is None:
            raise once.failure(error) from None
    finally:
        _under_way.reset(outer)
    if once.accepted is None:
        raise once.failure(None)
    return once.accepted


class _OneCreate:
    """One create's way to the wire, and what came back on it."""

    def __init__(self, http: ProviderHttp, credentials: Credentials, gate: Gate) -> None:
        self._http = http
        self._credentials = credentials
        self._gate = gate
        self.accepted: CreateAccepted | None = None

    async def send(
        self, uri: str, form: Mapping[str, object], headers: Mapping[str, str] | None, auth: tuple[str, str] | None
    ) -> Response:
        """Sends it, and judges the answer before the SDK sees it: of one with a sid that is all it is shown."""
        try:
            answer = await self._http.send_once(uri, form, headers, auth, self._gate)
        except Exception as error:  # whatever it was, the gate knows whether a byte may have left
            raise self.failure(error) from None
        self.accepted = self._judged(answer)
        return Response(answer.status, f'{{"sid": "{self.accepted.call_sid}"}}', {})

    def failure(self, error: Exception | None) -> CreateFailed:
        """What an exchange that brought no whole answer amounts to."""
        reason = type(error).__name__ if error is not None else "no answer"
        if self._gate.opened:
            return Ambiguous(reason)
        for known in (self._gate.refusal, error):
            if isinstance(known, NotSent):
                return known
        return DeadlinePassed() if self._gate.remaining() <= 0 else NotSent(reason)

    def _judged(self, answer: Answer) -> CreateAccepted:
        body = answer.object() or {}
        _log.debug(
            "PROVIDER_ANSWER",
            action="create",
            status=answer.status,
            code=answer.code,
            request_id=answer.request_id,
            concurrent=answer.concurrent,
        )
        sid = fields.call_sid(body.get("sid")) if 200 <= answer.status < 300 else None
        if sid is not None:
            return CreateAccepted(sid, _queue_time(body), answer.request_id, answer.concurrent)
        named = f", request {answer.request_id}" if answer.request_id else ""
        if classify(answer.code, answer.status) is AnswerClass.AMBIGUOUS:
            raise Ambiguous(scrub(f"HTTP {answer.status}, code {answer.code}, no usable sid{named}"))
        message = scrub(answer.message, self._credentials.auth_token.get_secret_value()) + scrub(named)
        raise CreateRejected(answer.code, answer.status, message, answer.retry_after)


_under_way: ContextVar[_OneCreate] = ContextVar("create under way")


class _ToTheWire(AsyncHttpClient):  # type: ignore[misc]  # twilio ships without types
    """The SDK's HTTP client for creates: sends each on the way that its task has ready."""

    def __init__(self) -> None:
        super().__init__(_log, is_async=True)

    async def request(
        self,
        method: str,
        uri: str,
        params: Mapping[str, object] | None = None,
        data: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,
        allow_redirects: bool = False,
    ) -> Response:
        """What the SDK calls."""
        return await _under_way.get().send(uri, data or {}, headers, auth)


@lru_cache(maxsize=ACCOUNTS_KEPT)
def _calls_of(account_sid: str, auth_token: str) -> Any:
    """The SDK's calls of an account: making its client anew for each create took a third of the create's time."""
    return Client(account_sid, auth_token, http_client=_ToTheWire(), environment=_NO_ENVIRONMENT).calls


def _queue_time(body: Mapping[str, object]) -> int | None:
    """How long the call will wait in milliseconds."""
    told = fields.whole(body.get("queue_time"))
    return None if told is None else min(told, LONGEST_QUEUE_MS)
