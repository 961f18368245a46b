"""Says whether a request was signed by the provider.

Rules: base64(HMAC-SHA1(auth token, URL + every name with each of its distinct values, both sorted)), over the fields
as sent, empty ones included. The URL is compared with its port and without, as Twilio's own validator does, and
without its fragment, which is never sent. Source: twilio.request_validator, Twilio's security page.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Iterable, Iterator
from urllib.parse import SplitResult, urlsplit

from pydantic import SecretStr

_DEFAULT_PORTS = {"https": 443, "http": 80}


def is_valid(url: str, pairs: Iterable[tuple[str, str]], signature: str | None, tokens: Iterable[SecretStr]) -> bool:
    """Whether one of the tokens signed this. `url` is the public one, `pairs` every form field as it was sent."""
    if not signature:
        return False
    given = _bytes(signature)
    fields = _bytes("".join([name + value for name, value in sorted(set(pairs))]))
    keys = [token.get_secret_value().encode() for token in tokens]
    return any(
        hmac.compare_digest(_signed(key, _bytes(spelled) + fields), given)
        for spelled in _spellings(url)
        for key in keys
        if key  # anybody can sign with an empty key
    )


def _signed(key: bytes, message: bytes) -> bytes:
    return base64.b64encode(hmac.digest(key, message, "sha1"))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _spellings(url: str) -> Iterator[str]:
    """The URL without its fragment, and with the port left out or put in; first as it is, for so most are signed."""
    if "#" not in url:
        yield url
    parts = urlsplit(url)._replace(fragment="")
    yield parts.geturl()
    if parts.port is not None:
        yield parts._replace(netloc=parts.netloc.rpartition(":")[0]).geturl()
    else:
        yield _with_default_port(parts)


def _with_default_port(parts: SplitResult) -> str:
    return parts._replace(netloc=f"{parts.netloc}:{_DEFAULT_PORTS.get(parts.scheme, 443)}").geturl()
