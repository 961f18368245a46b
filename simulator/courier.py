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

import aiohttp
from yarl import URL

from simulator import fragment
from simulator.clock import Clock
from simulator.journal import Journal
from simulator.signature import sign
from simulator.targets import RemoteTarget, guard

POOL = 500
# Below the five seconds after which common servers drop an idle connection: a request must not meet its end.
KEEP_ALIVE = 2.0
MAX_REDIRECTS = 5

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
    """One HTTP session for every webhook."""

    def __init__(self, clock: Clock, journal: Journal, *, allow_remote: bool, retry_pause: float) -> None:
        self._clock = clock
        self._journal = journal
        self._allow_remote = allow_remote
        self._retry_pause = retry_pause

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(limit=POOL, keepalive_timeout=KEEP_ALIVE)
        self._session = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self._session.close()

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
        timeout = aiohttp.ClientTimeout(
            total=max(0.001, ends - began),
            sock_connect=self._clock.http_timeout(overrides.connect_ms / 1000),
            sock_read=self._clock.http_timeout(overrides.read_ms / 1000),
        )
        status, error, failure, text = await self._try(url, parcel, timeout)
        return Reply(number, url, at, began, time.monotonic() - began, status, error, failure, text)

    async def _try(
        self, url: str, parcel: Parcel, timeout: aiohttp.ClientTimeout
    ) -> tuple[int | None, str | None, str | None, str]:
        try:
            status, text = await self._follow(url, parcel, timeout)
        except RemoteTarget as refused:
            return None, f"refused: {refused}", "refused", ""
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            return None, type(error).__name__, "ct", ""
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            return None, type(error).__name__, "rt", ""
        failure = None if status < 300 else "5xx" if status >= 500 else "4xx"
        return status, None, failure, text

    async def _follow(self, url: str, parcel: Parcel, timeout: aiohttp.ClientTimeout) -> tuple[int, str]:
        method, fields = parcel.method, parcel.fields
        for _ in range(MAX_REDIRECTS):
            guard(url, self._allow_remote)
            status, text, location = await self._request(url, method, fields, parcel, timeout)
            if not 300 <= status < 400 or location is None:
                return status, text
            url, method, fields = urljoin(url, location), "GET", []
        return status, text

    async def _request(
        self, url: str, method: str, fields: Fields, parcel: Parcel, timeout: aiohttp.ClientTimeout
    ) -> tuple[int, str, str | None]:
        query = "&".join(f"{_quoted(name)}={_quoted(value)}" for name, value in fields)
        body: bytes | None = None
        if method == "GET":
            url = url + ("&" if "?" in url else "?") + query if query else url
            signature = sign(parcel.token, url, ())
        else:
            body = query.encode()
            signature = sign(parcel.token, url, fields)
        if parcel.bad_signature:
            signature = signature[::-1]
        headers = {
            "User-Agent": "TwilioProxy/1.1",
            "X-Twilio-Signature": signature,
            "I-Twilio-Idempotency-Token": parcel.idempotency_token,
            "Accept": "*/*",
        }
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded; charset=UTF-8"
            headers["Content-Length"] = str(len(body))
        data = _drip(body, parcel.slow_seconds) if body and parcel.slow_seconds else body
        async with self._session.request(
            method,
            URL(url, encoded=True),
            data=data,
            headers=headers,
            timeout=timeout,
            allow_redirects=False,
        ) as response:
            text = (await response.read()).decode("utf-8", "replace")
            return response.status, text, response.headers.get("Location")


# Most names and values are the same in every webhook.
_quoted = lru_cache(maxsize=4096)(quote_plus)


async def _drip(body: bytes, seconds: float) -> AsyncIterator[bytes]:
    pause = seconds / len(body)
    for index in range(len(body)):
        yield body[index : index + 1]
        await asyncio.sleep(pause)
