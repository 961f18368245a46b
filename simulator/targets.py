"""Where the simulator may send webhooks: to this machine, unless told otherwise."""

import ipaddress
from functools import lru_cache
from urllib.parse import urlsplit


class RemoteTarget(ValueError):
    """A webhook target outside this machine, which SIM_ALLOW_REMOTE_CALLBACKS does not allow."""


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
    if not allow_remote and not is_loopback(urlsplit(url).hostname):
        raise RemoteTarget(f"{urlsplit(url).hostname} is not this machine")
