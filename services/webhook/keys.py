"""The auth tokens that may have signed a callback: those of the account that owns the call."""

from __future__ import annotations

from collections import OrderedDict

from pydantic import SecretStr

from shared.errors import SecretUnreadable
from shared.queries.callbacks import FoundCall
from shared.sealing import Sealer
from shared.settings import Settings

KEPT = 1_000
"""Opened tokens in memory, by their sealed form: a new token has a new one, so nothing here grows stale."""


class SigningKeys:
    """Looks up and opens auth tokens."""

    def __init__(self, settings: Settings) -> None:
        own = (settings.twilio_auth_token, settings.twilio_auth_token_previous)
        self._shared = tuple(token for token in own if token is not None)
        self._sealer = Sealer(settings.secrets_key) if settings.secrets_key else None
        self._opened: OrderedDict[tuple[bytes, str], SecretStr] = OrderedDict()

    def of(self, call: FoundCall | None) -> tuple[SecretStr, ...]:
        """The tokens for this call, or for a token that no call has. Raises SecretUnreadable."""
        if call is None or call.account_is_shared:
            return self._shared
        if call.auth_token_sealed is None:
            return ()
        return (self._open(call.auth_token_sealed, call.account_sid),)

    def _open(self, sealed: bytes, account_sid: str) -> SecretStr:
        if self._sealer is None:
            raise SecretUnreadable
        known = self._opened.get((sealed, account_sid))
        if known is None:
            known = self._opened[sealed, account_sid] = self._sealer.open(sealed, account_sid)
            if len(self._opened) > KEPT:
                self._opened.popitem(last=False)
        return known
