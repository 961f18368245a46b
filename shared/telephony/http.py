"""Our own HTTP client under the official SDK, whose own one has no working timeout and may send a create twice.

Rules: no POST is sent again; no redirect is followed; no proxy, cookie or credential comes from the environment;
credentials go to `api_url` and nowhere else; every wait has an end; an answer is read whole or not at all.
"""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import quote_plus

import aiohttp
import orjson
from twilio.http import AsyncHttpClient
from twilio.http.response import Response
from yarl import URL

from shared.crashpoints import crash_point
from shared.errors import DeadlinePassed, NotSent
from shared.telephony import fields
from shared.telephony.gate import Gate, GatedForm
from shared.telephony.sockets import socket_factory

TWILIO: Final = "https://api.twilio.com"
_LONGEST_ANSWER: Final = 4 * 1024 * 1024  # bytes; a page of 200 calls is about 300 kB
_KEEP_IDLE: Final = 10.0  # seconds; below what load balancers commonly allow


class AnswerTooLong(Exception):
    """The provider's answer was longer than any that is expected."""


@dataclass(frozen=True)
class Answer:
    """One whole answer of the provider."""

    status: int
    text: str
    headers: Mapping[str, str]

    @property
    def request_id(self) -> str | None:
        """The provider's own name for the request; its support asks for it."""
        return fields.text(self.headers.get("Twilio-Request-Id"))

    @property
    def concurrent(self) -> int | None:
        """How many requests the account had in flight."""
        return fields.whole(self.headers.get("Twilio-Concurrent-Requests"))

    @property
    def retry_after(self) -> float | None:
        """Seconds to wait, from either form of Retry-After."""
        value = self.headers.get("Retry-After", "").strip()
        seconds = fields.whole(value)
        if seconds is not None:
            return float(seconds)
        at = fields.moment(value)
        return None if at is None else max(0.0, at.timestamp() - time.time())

    def object(self) -> Mapping[str, Any] | None:
        """The body, where it is a JSON object."""
        return self._object

    @cached_property
    def _object(self) -> Mapping[str, Any] | None:
        try:
            body = _read(self.text)
        except (ValueError, RecursionError):
            return None
        return body if isinstance(body, dict) else None

    @property
    def code(self) -> int:
        """The provider's error code, or the HTTP status where the body names none."""
        return fields.whole((self.object() or {}).get("code")) or self.status

    @property
    def message(self) -> str:
        """What the provider says about an error, as it stands."""
        body = self.object() or {}
        said = [fields.text(body.get(name)) for name in ("message", "title", "detail")]
        return "; ".join(filter(None, said)) or f"HTTP {self.status}"


def _read(text: str) -> Any:
    """JSON as the standard library reads it, which takes what is not quite Unicode or JSON too, only sooner."""
    try:
        return orjson.loads(text)
    except ValueError:
        return json.loads(text)


class ProviderHttp(AsyncHttpClient):  # type: ignore[misc]  # twilio ships without types
    """One session for the clients of all accounts. Use as an async context manager; times are in seconds.

    `limit` is the number of connections at once, 0 for as many as asked for: whoever claims calls bounds them.
    """

    def __init__(
        self,
        api_url: str = TWILIO,
        dial_timeout: float = 15.0,
        *,
        connect_timeout: float = 3.0,
        limit: int = 0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(logging.getLogger(__name__), is_async=True)
        self._api_url = api_url.rstrip("/")
        self.dial_timeout = dial_timeout
        self._connect_timeout = connect_timeout
        self._limit = limit
        self._tls = tls
        self._session: aiohttp.ClientSession | None = None
        self._gates: set[Gate] = set()

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(
            limit=self._limit,
            keepalive_timeout=_KEEP_IDLE,
            ssl=self._tls or True,
            socket_factory=socket_factory(self.dial_timeout),
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            timeout=self._timeouts(self._connect_timeout),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends all connections; a create that is under way is reset, not flushed."""
        for gate in tuple(self._gates):
            gate.shut()
        if self._session is not None:
            await self._session.close()

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
        """What the SDK calls. Its timeout and its wish about redirects are not heeded."""
        answer = await self.send(method, uri, params, data, headers, auth)
        return Response(answer.status, answer.text, answer.headers)

    async def send(
        self,
        method: str,
        url: str,
        query: Mapping[str, object] | None = None,
        form: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
    ) -> Answer:
        """One request that may be repeated by whoever asked. Raises aiohttp's errors and TimeoutError."""
        body = None if form is None else aiohttp.BytesPayload(_encoded(form), content_type=_FORM)
        async with asyncio.timeout(self._connect_timeout + self.dial_timeout):
            return await self._exchange(method, url, query, body, headers, auth, self._connect_timeout)

    async def send_once(
        self,
        url: str,
        form: Mapping[str, object],
        headers: Mapping[str, str] | None,
        auth: tuple[str, str] | None,
        gate: Gate,
    ) -> Answer:
        """A POST that passes the gate or is not sent, answered within `dial_timeout` of passing.

        Raises aiohttp's errors and TimeoutError: `gate.opened` tells whether a byte may have left. What did not end
        with a whole answer is reset.
        """
        if gate.remaining() <= 0:
            raise DeadlinePassed
        connect = min(self._connect_timeout, gate.remaining())
        body = GatedForm(_encoded(form), gate)
        with gate:
            self._gates.add(gate)
            try:
                async with asyncio.timeout(None) as limit:
                    gate.on_open = lambda: limit.reschedule(asyncio.get_running_loop().time() + self.dial_timeout)
                    answer = await self._exchange("POST", url, None, body, headers, auth, max(connect, 0.001))
                crash_point("create.answer.read")
                gate.answered()
            finally:
                self._gates.discard(gate)
            return answer

    async def _exchange(
        self,
        method: str,
        url: str,
        query: Mapping[str, object] | None,
        body: aiohttp.BytesPayload | None,
        headers: Mapping[str, str] | None,
        auth: tuple[str, str] | None,
        connect_timeout: float,
    ) -> Answer:
        if self._session is None:
            raise NotSent("the client was not entered")
        target = self._target(url) + (f"?{_encoded(query).decode()}" if query else "")
        sent = dict(headers or {})
        if auth is not None:
            sent["Authorization"] = aiohttp.encode_basic_auth(*auth)
        crash_point("provider.request.sending")
        async with self._session.request(
            method,
            URL(target, encoded=True),
            data=body,
            headers=sent,
            timeout=self._timeouts(connect_timeout),
            allow_redirects=False,
        ) as response:
            crash_point("provider.answer.begun")
            return Answer(response.status, await _whole_body(response), response.headers)

    def _timeouts(self, connect: float) -> aiohttp.ClientTimeout:
        return aiohttp.ClientTimeout(total=None, connect=connect, sock_connect=connect, sock_read=self.dial_timeout)

    def _target(self, url: str) -> str:
        """The URL at our base; a relative one is taken from the root of the API. No other host is talked to."""
        if url.startswith("/"):
            return self._api_url + url
        for base in (TWILIO, self._api_url):
            if url.startswith(f"{base}/"):
                return self._api_url + url.removeprefix(base)
        raise ValueError("the request is not for the provider's API")


_FORM: Final = "application/x-www-form-urlencoded"


def _encoded(values: Mapping[str, object]) -> bytes:
    """Form encoding; a list repeats its name."""
    pairs = ((name, one) for name, value in values.items() for one in (value if isinstance(value, list) else [value]))
    return "&".join(f"{_quoted(name)}={_quoted(str(one))}" for name, one in pairs).encode("ascii")


_quoted = lru_cache(maxsize=500)(quote_plus)
"""Most of what is sent says the same each time: names, events, the caller's number, times."""


async def _whole_body(response: aiohttp.ClientResponse) -> str:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > _LONGEST_ANSWER:
            raise AnswerTooLong
    return body.decode("utf-8", "replace")
