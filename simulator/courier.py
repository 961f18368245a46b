"""HTTP to the webhooks: signed requests within Twilio's limits, retried as the URL's fragment asks.

Rules: every attempt goes to the ledger; nothing is sent before the lines that tell of its cause are durable; a
redirect turns into a GET without fields; targets outside this machine are refused.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Self
from urllib.parse import quote_plus, urljoin

from simulator import fragment
from simulator.clock import Clock
from simulator.connection import Answer, Limits, Request, WebhookFailed
from simulator.journal import Journal
from simulator.pool import Pool
from simulator.signature import sign
from simulator.targets import RemoteTarget, Target, guard, target_of

MAX_REDIRECTS = 5
FORM = "Content-Type: application/x-www-form-urlencoded; charset=UTF-8\r\n"

Fields = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Parcel:
    """One request to send: its URL with the fragment, fields, signing token, and what is odd about it."""

    url: str
    method: str
    fields: Fields
    token: str
    idempotency_token: str
    bad_signature: bool = False
    slow_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Reply:
    """What an attempt came to; `failure` is a policy of `rp`, None for success."""

    attempt: int
    url: str
    at: float
    mono: float
    seconds: float
    http_status: int | None = None
    error: str | None = None
    failure: str | None = None
    text: str = ""


class Courier:
    """Carries every webhook over one pool of connections."""

    def __init__(self, clock: Clock, journal: Journal, *, allow_remote: bool, retry_pause: float) -> None:
        self._clock = clock
        self._journal = journal
        self._allow_remote = allow_remote
        self._retry_pause = retry_pause

    async def __aenter__(self) -> Self:
        self._pool = Pool()
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self._pool.close()

    async def send(self, parcel: Parcel) -> AsyncIterator[Reply]:
        """Yield each attempt's reply, the last one last."""
        await self._journal.durable()
        url, overrides = fragment.split(parcel.url)
        ends = time.monotonic() + self._clock.http_timeout(overrides.total_ms / 1000)
        for attempt in range(1, overrides.retries + 2):
            reply = await self._attempt(attempt, url, parcel, overrides, ends)
            yield reply
            if reply.failure is None or reply.failure not in overrides.retry_on:
                return
            await asyncio.sleep(self._clock.real(self._retry_pause))
            if time.monotonic() >= ends:
                return

    async def _attempt(
        self, number: int, url: str, parcel: Parcel, overrides: fragment.Overrides, ends: float
    ) -> Reply:
        at, began = time.time(), time.monotonic()
        limits = Limits(
            connect=self._clock.http_timeout(overrides.connect_ms / 1000),
            read=self._clock.http_timeout(overrides.read_ms / 1000),
            ends=ends,
        )
        status, error, failure, text = await self._try(url, parcel, limits)
        return Reply(number, url, at, began, time.monotonic() - began, status, error, failure, text)

    async def _try(self, url: str, parcel: Parcel, limits: Limits) -> tuple[int | None, str | None, str | None, str]:
        try:
            answer = await self._follow(url, parcel, limits)
        except RemoteTarget as refused:
            return None, f"refused: {refused}", "refused", ""
        except WebhookFailed as error:
            return None, type(error).__name__, error.failure, ""
        except ValueError as error:
            return None, type(error).__name__, "rt", ""
        status = answer.status
        failure = None if status < 300 else "5xx" if status >= 500 else "4xx"
        return status, None, failure, answer.body.decode("utf-8", "replace")

    async def _follow(self, url: str, parcel: Parcel, limits: Limits) -> Answer:
        method, fields = parcel.method, parcel.fields
        for _ in range(MAX_REDIRECTS):
            guard(url, self._allow_remote)
            answer = await self._request(url, method, fields, parcel, limits)
            if not 300 <= answer.status < 400 or answer.location is None:
                return answer
            url, method, fields = urljoin(url, answer.location), "GET", []
        return answer

    async def _request(self, url: str, method: str, fields: Fields, parcel: Parcel, limits: Limits) -> Answer:
        query = "&".join([_quoted(*pair) for pair in fields])
        body: bytes | None = None
        if method == "GET":
            url = url + ("&" if "?" in url else "?") + query if query else url
            signature = sign(parcel.token, url, ())
        else:
            body = query.encode()
            signature = sign(parcel.token, url, fields)
        if parcel.bad_signature:
            signature = signature[::-1]
        target = target_of(url)
        head = _head(method, target, signature, parcel.idempotency_token, body)
        return await self._pool.ask(target.origin, Request(head, body or b"", parcel.slow_seconds), limits)


# Most fields are the same in every webhook.
@lru_cache(maxsize=4096)
def _quoted(name: str, value: str) -> str:
    return f"{quote_plus(name)}={quote_plus(value)}"


def _head(method: str, target: Target, signature: str, idempotency_token: str, body: bytes | None) -> bytes:
    if not method.isalpha():
        raise ValueError(f"{method!r} is no method")
    content = "" if body is None else f"{FORM}Content-Length: {len(body)}\r\n"
    return (
        f"{method} {target.path} HTTP/1.1\r\n{target.headers}"
        f"User-Agent: TwilioProxy/1.1\r\nX-Twilio-Signature: {signature}\r\n"
        f"I-Twilio-Idempotency-Token: {idempotency_token}\r\nAccept: */*\r\n{content}\r\n"
    ).encode()
