"""What a call is to say: TwiML that is well-formed, or the address of some."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit
from xml.parsers import expat

LONGEST_TWIML = 4000
LONGEST_URL = 2048


def is_well_formed(twiml: str) -> bool:
    """Return whether a text is one well-formed XML document, without a document type: entities are never expanded."""
    parser = expat.ParserCreate(encoding="utf-8")
    parser.StartDoctypeDeclHandler = _refuse
    parser.EntityDeclHandler = _refuse
    try:
        parser.Parse(twiml.encode(), True)  # noqa: FBT003 -- the standard library's own order
    except (expat.ExpatError, ValueError):
        return False
    return True


def _refuse(*_: object) -> None:
    raise ValueError("a document type is not taken")


def url_refusal(url: str) -> str | None:
    """Return the key of the reason against an address, None when it can be fetched by https, or here by http."""
    if re.search(r"[\s\x00-\x1f\x7f]", url):
        return "field.bad_url"
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 -- a bad port raises when it is read
    except ValueError:
        return "field.bad_url"
    if not parts.hostname:
        return "field.bad_url"
    if parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.hostname)):
        return None
    return "field.url_not_https"


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
