"""The public keys that sign bearer tokens, read from a JWKS address and kept.

Rules: a key that cannot be read again is still good, for an outage of the key host must not lock everybody out; a kid
that nobody knows makes the set be read again at once, but at most `MOST_READINGS` times in `WINDOW`, so that invented
ones cost the host little; keys age out after `FRESH_FOR`, read again behind the answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any

import aiohttp
import jwt
import orjson
from jwt.algorithms import AllowedPublicKeys

from shared import logs, metrics
from shared.errors import KeysAway

WINDOW = 5.0
"""Seconds; while no set was ever read, the host is asked once in as long."""
MOST_READINGS = 4
FRESH_FOR = 600.0
"""Seconds after which a set that is still in use is read again, so that a withdrawn key loses its power."""
READ_TIMEOUT = 5.0
LARGEST_SET = 1_000_000
ALGORITHMS = {("RSA", "None"): "RS256", ("EC", "P-256"): "ES256"}
PUBLIC_PARTS = ("kty", "n", "e", "crv", "x", "y")

log = logs.logger()


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """A key and the one algorithm it may be used with."""

    algorithm: str
    key: AllowedPublicKeys | str


class KeySet:
    """The keys at one address."""

    def __init__(self, url: str, clock: Callable[[], float] = monotonic) -> None:
        self._url = url
        self._clock = clock
        self._keys: dict[str | None, list[VerificationKey]] = {}
        self._read_at: float | None = None
        self._window_began: float | None = None
        self._readings = 0
        self._reading: asyncio.Task[None] | None = None
        self._session: aiohttp.ClientSession | None = None

    async def candidates(self, kid: object) -> Sequence[VerificationKey]:
        """Return the keys a token with this kid may be signed with: every one when it names none.

        Raises KeysAway when no set was ever read.
        """
        if self._read_at is not None and self._clock() - self._read_at > FRESH_FOR:
            self._begin_reading()
        found = self._find(kid)
        if not found and (reading := self._begin_reading()):
            await asyncio.shield(reading)
            found = self._find(kid)
        if self._read_at is None:
            raise KeysAway
        return found

    def _find(self, kid: object) -> Sequence[VerificationKey]:
        if kid is None:
            return [key for keys in self._keys.values() for key in keys]
        return self._keys.get(kid, ()) if isinstance(kid, str) else ()

    def _begin_reading(self) -> asyncio.Task[None] | None:
        if self._reading is not None and not self._reading.done():
            return self._reading
        now = self._clock()
        if self._window_began is None or now - self._window_began >= WINDOW:
            self._window_began, self._readings = now, 0
        if self._readings >= (1 if self._read_at is None else MOST_READINGS):
            return None
        self._readings += 1
        self._reading = asyncio.create_task(self._read(), name="jwks")
        return self._reading

    async def _read(self) -> None:
        try:
            document = await self._fetch()
            self._keys = usable_keys(document)
            self._read_at = self._clock()
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            metrics.LOOP_ERRORS.labels(loop="jwks").inc()
            log.warning("KEYS_AWAY", url=self._url, reason=str(error) or type(error).__name__)

    async def _fetch(self) -> Any:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=READ_TIMEOUT))
        async with self._session.get(self._url, allow_redirects=False) as answer:
            if answer.status != 200:
                raise ValueError(f"the key host answered {answer.status}")
            body = b""
            async for part in answer.content.iter_chunked(65_536):
                body += part
                if len(body) > LARGEST_SET:
                    raise ValueError("the key set is too large")
            return orjson.loads(body)

    async def close(self) -> None:
        """End a reading that is under way, and its connections."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        if self._session is not None:
            await self._session.close()


def usable_keys(document: Any) -> dict[str | None, list[VerificationKey]]:
    """Return the signing keys of a JWKS document by kid; keys of other kinds and uses are passed over.

    Raises ValueError when the document is no key set.
    """
    entries = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise ValueError("the answer is not a key set")  # noqa: TRY004 -- it is the host's value that is wrong
    found: dict[str | None, list[VerificationKey]] = {}
    for entry in _signing_entries(entries):
        algorithm = ALGORITHMS.get((str(entry.get("kty")), str(entry.get("crv"))))
        if algorithm is None or entry.get("alg", algorithm) != algorithm:
            continue
        try:
            public = {part: entry[part] for part in PUBLIC_PARTS if part in entry}
            key = jwt.PyJWK(public, algorithm=algorithm).key
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            log.warning("KEY_UNREADABLE", kid=entry.get("kid"), reason=str(error) or type(error).__name__)
            continue
        found.setdefault(entry.get("kid"), []).append(VerificationKey(algorithm, key))
    return found


def _signing_entries(entries: Iterable[Any]) -> Iterable[dict[str, Any]]:
    for entry in entries:
        if isinstance(entry, dict) and isinstance(entry.get("kid"), (str, type(None))):
            operations = entry.get("key_ops", ["verify"])
            if entry.get("use", "sig") == "sig" and isinstance(operations, list) and "verify" in operations:
                yield entry
