"""Which credentials a call is dialled with: its business's own, opened here, or those of the shared account."""

from __future__ import annotations

from typing import Protocol

from shared.errors import SecretUnreadable
from shared.sealing import Sealer
from shared.settings import Settings
from shared.telephony.credentials import Credentials


class Account(Protocol):
    """What names an account and holds its sealed token."""

    @property
    def account_sid(self) -> str: ...

    @property
    def account_is_shared(self) -> bool: ...

    @property
    def auth_token_sealed(self) -> bytes | None: ...


class Accounts:
    """Opens auth tokens, and remembers each for as long as its sealed form stays the same."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._sealer = Sealer(settings.secrets_key) if settings.secrets_key else None
        self._opened: dict[str, tuple[bytes, Credentials]] = {}

    def credentials(self, account: Account) -> Credentials:
        """The credentials for this account. Raises SecretUnreadable."""
        if account.account_is_shared:
            return self._shared(account.account_sid)
        sealed = account.auth_token_sealed
        if sealed is None or self._sealer is None:
            raise SecretUnreadable
        known = self._opened.get(account.account_sid)
        if known is None or known[0] != sealed:
            known = (sealed, Credentials(account.account_sid, self._sealer.open(sealed, account.account_sid)))
            self._opened[account.account_sid] = known
        return known[1]

    def _shared(self, account_sid: str) -> Credentials:
        token = self._settings.twilio_auth_token
        if token is None or account_sid != self._settings.twilio_account_sid:
            raise SecretUnreadable("the shared account of the database is not the one of the settings")
        return Credentials(account_sid, token)
