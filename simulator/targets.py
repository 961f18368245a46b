"""Where a webhook's URL leads, and whether the simulator may send there: to this machine, unless told otherwise."""

import base64
import ipaddress
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

PORTS = {"http": 80, "https": 443}
# A call's webhooks have the same two URLs from its creation to its end.
_REMEMBERED = 4096


class RemoteTarget(ValueError):
    """A webhook target outside this machine, which SIM_ALLOW_REMOTE_CALLBACKS does not allow."""


class Origin(NamedTuple):
    """Who serves a URL; requests to the same one may share a connection."""

    secure: bool
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Target:
    """A URL as a request needs it: its origin, the request's path and query, and the headers that name its place."""

    origin: Origin
    path: str
    headers: str


@lru_cache(maxsize=_REMEMBERED)
def target_of(url: str) -> Target:
    """Take a URL apart; raises ValueError for one that is not HTTP."""
    parts = urlsplit(url)
    if parts.scheme not in PORTS or not parts.hostname:
        raise ValueError(f"{parts.scheme}://{parts.netloc} is not an HTTP URL")
    origin = Origin(parts.scheme == "https", parts.hostname, parts.port or PORTS[parts.scheme])
    path = parts.path or "/"
    return Target(origin, f"{path}?{parts.query}" if parts.query else path, _headers(parts))


def _headers(parts: SplitResult) -> str:
    host = f"Host: {parts.netloc.rpartition('@')[2]}\r\n"
    if parts.username is None:
        return host
    login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return f"{host}Authorization: Basic {base64.b64encode(login.encode()).decode()}\r\n"


def is_url(text: str) -> bool:
    """Whether Twilio takes it for an absolute HTTP URL; its host may hold no underscore."""
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(host) and "_" not in (host or "")


def is_loopback(host: str | None) -> bool:
    """Whether a host, by name or address, is this machine; names other than localhost are not looked up."""
    return _is_loopback(host or "")


@lru_cache(maxsize=1024)
def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def guard(url: str, allow_remote: bool) -> None:
    """Raise RemoteTarget for a URL outside this machine."""
    if not allow_remote and not is_loopback(_host(url)):
        raise RemoteTarget(f"{_host(url)} is not this machine")


@lru_cache(maxsize=_REMEMBERED)
def _host(url: str) -> str | None:
    return urlsplit(url).hostname
