"""Which credentials a call is dialled with: its business's own, opened here, or those of the shared account."""

from __future__ import annotations

from shared.errors import SecretUnreadable
from shared.queries.dispatching import ClaimedCall
from shared.sealing import Sealer
from shared.settings import Settings
from shared.telephony.credentials import Credentials


class Accounts:
    """Opens auth tokens, and remembers each for as long as its sealed form stays the same."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._sealer = Sealer(settings.secrets_key) if settings.secrets_key else None
        self._opened: dict[str, tuple[bytes, Credentials]] = {}

    def credentials(self, call: ClaimedCall) -> Credentials:
        """The credentials for this call. Raises SecretUnreadable."""
        if call.account_is_shared:
            return self._shared(call.account_sid)
        sealed = call.auth_token_sealed
        if sealed is None or self._sealer is None:
            raise SecretUnreadable
        known = self._opened.get(call.account_sid)
        if known is None or known[0] != sealed:
            known = (sealed, Credentials(call.account_sid, self._sealer.open(sealed, call.account_sid)))
            self._opened[call.account_sid] = known
        return known[1]

    def _shared(self, account_sid: str) -> Credentials:
        token = self._settings.twilio_auth_token
        if token is None or account_sid != self._settings.twilio_account_sid:
            raise SecretUnreadable("the shared account of the database is not the one of the settings")
        return Credentials(account_sid, token)
