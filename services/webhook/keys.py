"""The auth tokens that may have signed a callback: those of the account that owns the call."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from hashlib import sha256

from pydantic import SecretStr

from shared.errors import SecretUnreadable
from shared.queries.callbacks import FoundCall
from shared.sealing import Sealer
from shared.settings import Settings

KEPT = 1_000
"""Opened tokens in memory, by their sealed form: a new token has a new one, so nothing here grows stale."""


@dataclass(frozen=True)
class Vouched:
    """An account and its keys as this process knows them; `digest` names the sealed token, None for the shared one's.

    Only the database knows whether both still hold, and whether a call is this account's.
    """

    account_sid: str
    keys: tuple[SecretStr, ...] = field(repr=False)
    digest: str | None = None


class SigningKeys:
    """Looks up and opens auth tokens."""

    def __init__(self, settings: Settings) -> None:
        own = (settings.twilio_auth_token, settings.twilio_auth_token_previous)
        self._shared = tuple(token for token in own if token is not None)
        self._sealer = Sealer.of(settings)
        self._opened: OrderedDict[tuple[bytes, str], SecretStr] = OrderedDict()
        self._accounts: OrderedDict[str, Vouched] = OrderedDict()
        shared_sid = settings.twilio_account_sid
        self._shared_account = Vouched(shared_sid, self._shared) if shared_sid else None

    def of(self, call: FoundCall | None) -> tuple[SecretStr, ...]:
        """The tokens for this call, or for a token that no call has. Raises SecretUnreadable."""
        if call is None or call.account_is_shared:
            return self._shared
        if call.auth_token_sealed is None:
            return ()
        return (self._open(call.auth_token_sealed, call.account_sid),)

    def vouched(self, account_sid: str | None) -> Vouched | None:
        """What is known of the account of this name; None before one of its calls was searched for."""
        shared = self._shared_account
        if shared is not None and shared.account_sid == account_sid:
            return shared
        return self._accounts.get(account_sid or "")

    def note(self, call: FoundCall) -> None:
        """Remember the account of this call with the token that it has now. Raises SecretUnreadable."""
        if call.account_is_shared or call.auth_token_sealed is None:
            return
        digest = sha256(call.auth_token_sealed).hexdigest()
        self._accounts[call.account_sid] = Vouched(call.account_sid, self.of(call), digest)
        self._accounts.move_to_end(call.account_sid)
        if len(self._accounts) > KEPT:
            self._accounts.popitem(last=False)

    def _open(self, sealed: bytes, account_sid: str) -> SecretStr:
        if self._sealer is None:
            raise SecretUnreadable
        known = self._opened.get((sealed, account_sid))
        if known is None:
            known = self._opened[sealed, account_sid] = self._sealer.open(sealed, account_sid)
            if len(self._opened) > KEPT:
                self._opened.popitem(last=False)
        return known
