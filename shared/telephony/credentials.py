"""Who pays for a request."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import SecretStr


@dataclass(frozen=True)
class Credentials:
    """One account's name and its auth token, which no repr shows."""

    account_sid: str
    auth_token: SecretStr
