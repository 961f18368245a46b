"""Which credentials a call is talked about with: its business's own, opened here, or those of the shared account."""

from __future__ import annotations

from typing import Protocol

from shared.errors import SecretUnreadable
from shared.sealing import Sealer
from shared.settings import Settings
from shared.telephony.credentials import Credentials


class AccountOfCall(Protocol):
    """What a row must tell of its call's account."""

    @property
    def account_sid(self) -> str: ...

    @property
    def auth_token_sealed(self) -> bytes | None: ...


class Purse:
    """Opens auth tokens, and remembers each for as long as its sealed form stays the same."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._sealer = Sealer.of(settings)
        self._opened: dict[str, tuple[bytes, Credentials]] = {}

    def credentials(self, call: AccountOfCall) -> Credentials:
        """The credentials for this call. Raises SecretUnreadable."""
        sealed = call.auth_token_sealed
        if sealed is None:
            return self._shared(call.account_sid)
        known = self._opened.get(call.account_sid)
        if known is None or known[0] != sealed:
            known = (sealed, self._open(call.account_sid, sealed))
            self._opened[call.account_sid] = known
        return known[1]

    def _shared(self, account_sid: str) -> Credentials:
        token = self._settings.twilio_auth_token
        if token is None or account_sid != self._settings.twilio_account_sid:
            raise SecretUnreadable(
                "the call's account is not the shared one of the settings and has no token of its own"
            )
        return Credentials(account_sid, token)

    def _open(self, account_sid: str, sealed: bytes) -> Credentials:
        if self._sealer is None:
            raise SecretUnreadable("SECRETS_KEY is not set")
        return Credentials(account_sid, self._sealer.open(sealed, account_sid))
