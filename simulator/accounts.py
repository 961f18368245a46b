"""The accounts, their numbers, and who may act on which."""

import base64
import binascii
import hmac
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from simulator.errors import Refusal
from simulator.settings import AccountSettings

QUEUE_LIMIT = 24 * 3600.0
MAGIC_FROM = "+15005550006"


@dataclass(slots=True)
class Account:
    """An account and the simulated time from which its next call may be placed."""

    settings: AccountSettings
    cps: float
    status: str
    created: datetime
    next_start: float = float("-inf")

    @property
    def sid(self) -> str:
        return self.settings.sid

    @property
    def primary_token(self) -> str:
        return self.settings.auth_tokens[0]

    def owns(self, number: str) -> bool:
        return number == MAGIC_FROM or number in self.settings.from_numbers

    def queue_seconds(self, now: float) -> float:
        """How long a call that is created now waits for its turn, simulated seconds."""
        return max(0.0, self.next_start - now)

    def take_turn(self, now: float) -> float:
        """The simulated time at which the next call is placed; later ones come after it at the account's rate."""
        start = max(now, self.next_start)
        self.next_start = start + 1 / self.cps
        return start


@dataclass(frozen=True, slots=True)
class Login:
    """Who a request comes from; an API key belongs to an account but may not read accounts."""

    account: Account
    by_key: bool


class AccountBook:
    """Answers who a request is from and whether it may act on the account of its path."""

    def __init__(self, settings: Iterable[AccountSettings], default_cps: float) -> None:
        now = datetime.now(UTC)
        self._accounts = {one.sid: Account(one, one.cps or default_cps, one.status, now) for one in settings}
        self._keys = {
            key: (secret, account)
            for account in self._accounts.values()
            for key, secret in account.settings.api_keys.items()
        }

    def __iter__(self) -> Iterator[Account]:
        return iter(self._accounts.values())

    def get(self, sid: str) -> Account | None:
        return self._accounts.get(sid)

    def login(self, header: str | None) -> Login:
        """Read Basic authorization; raises Refusal 20003."""
        user, _, password = _decode(header).partition(":")
        key = self._keys.get(user)
        if key is not None and _same(key[0], password):
            return Login(key[1], by_key=True)
        account = self._accounts.get(user)
        tokens = account.settings.auth_tokens if account else []
        if account is None or not any(_same(token, password) for token in tokens):
            raise Refusal(20003)
        return Login(account, by_key=False)

    def act_on(self, login: Login, sid: str, path: str) -> Account:
        """The account of the path, if the caller is it or its parent; raises Refusal 20404, 20003 or 20005."""
        target = self._accounts.get(sid)
        if target is None:
            raise Refusal(20404, path)
        if login.account.sid not in (target.sid, target.settings.parent):
            raise Refusal(20003)
        self._refuse_inactive(target)
        return target

    def _refuse_inactive(self, account: Account) -> None:
        parent = self._accounts.get(account.settings.parent or "")
        for one in filter(None, (account, parent)):
            if one.status == "closed":
                raise Refusal(20003)
            if one.status == "suspended":
                raise Refusal(20005)


def _decode(header: str | None) -> str:
    scheme, _, encoded = (header or "").partition(" ")
    if scheme.lower() != "basic":
        raise Refusal(20003)
    try:
        return base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise Refusal(20003) from error


def _same(expected: str, given: str) -> bool:
    return hmac.compare_digest(expected.encode(), given.encode())
