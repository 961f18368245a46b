"""The two addresses that every create carries; the token in them is our name for the call."""

from __future__ import annotations

from uuid import UUID

# Asks Twilio for its most retries, after any failure: by default it retries once, and only when no connection
# was made, so one slow answer of ours would lose the callback. The fragment is not part of the signature.
# Source: Twilio, webhook connection overrides.
_WITH_RETRIES = "#rc=5&rp=all"


def status_url(public_url: str, dial_token: UUID | str, with_retries: bool = True) -> str:
    """Where the provider tells what becomes of the call."""
    return _url(public_url, "status", dial_token, with_retries)


def voice_url(public_url: str, dial_token: UUID | str, with_retries: bool = True) -> str:
    """Where the provider asks what to say; it may safely ask twice."""
    return _url(public_url, "voice", dial_token, with_retries)


def _url(public_url: str, kind: str, dial_token: UUID | str, with_retries: bool) -> str:
    base = f"{public_url.rstrip('/')}/webhooks/twilio/{kind}/{dial_token}"
    return base + _WITH_RETRIES if with_retries else base
