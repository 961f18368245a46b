"""The businesses of a run: whose account each uses, and whom it calls.

Three share the shared account and its number, two an account of their own and its number, two have one each. Those
who share a number share some of their leads' numbers too: the provider's list then shows the calls of both.
"""

from __future__ import annotations

import random
import secrets
from dataclasses import dataclass, field
from typing import Any

from chaos.patient import PatientClient
from chaos.plan import Plan
from stack.environment import FROM_NUMBER
from stack.system import Stack

GROUPS = (3, 2, 1, 1)
"""How many businesses share each account; the first is the shared one."""

CAPS = (1, 8)
SHARED_NUMBERS = 40
SHARED_SHARE = 0.15
KNOWN_SHARE = 0.1


@dataclass(frozen=True)
class Account:
    """An account at the provider; its owner calls from its first number, others also from the second."""

    sid: str
    auth_token: str = field(repr=False)
    from_number: str
    other_number: str

    def as_setting(self) -> dict[str, Any]:
        numbers = [self.from_number, self.other_number]
        return {"sid": self.sid, "auth_tokens": [self.auth_token, f"old-{self.auth_token}"], "from_numbers": numbers}


def own_accounts() -> list[Account]:
    """The accounts beside the shared one."""
    return [
        Account(f"AC{secrets.token_hex(16)}", secrets.token_hex(16), f"+9723710{n:04d}", f"+9723711{n:04d}")
        for n in range(1, len(GROUPS))
    ]


def shared_account(stack: Stack) -> Account:
    ours = stack.secrets
    return Account(ours["TWILIO_ACCOUNT_SID"], ours["TWILIO_AUTH_TOKEN"], FROM_NUMBER, FROM_NUMBER)


@dataclass
class Tenant:
    """One business: its admin, its cap now, and the numbers that it was told to call."""

    id: int
    number: int
    account: Account
    client: PatientClient
    cap: int
    dialled: list[str] = field(default_factory=list)
    known: list[int] = field(default_factory=list)
    runs: list[int] = field(default_factory=list)
    _made: int = 0

    async def leads(self, count: int, chance: random.Random) -> list[int]:
        """The ids of so many leads: mostly new ones, some with a number that others call too, some of earlier runs."""
        old = [chance.choice(self.known) for _ in range(count) if self.known and chance.random() < KNOWN_SHARE]
        phones = [self._phone(chance) for _ in range(max(1, count - len(old)))]
        ids = await self.client.add_leads(phones)
        self.dialled += phones
        self.known += ids
        mixed = list(dict.fromkeys([*old, *ids]))
        chance.shuffle(mixed)
        return mixed

    def _phone(self, chance: random.Random) -> str:
        if chance.random() < SHARED_SHARE:
            return f"+9725090{self._group():01d}{chance.randrange(SHARED_NUMBERS):04d}"
        self._made += 1
        return f"+97252{self.number}{self._made:06d}"

    def _group(self) -> int:
        return next(group for group, last in enumerate(_lasts()) if self.number < last)


def _lasts() -> list[int]:
    return [sum(GROUPS[: group + 1]) for group in range(len(GROUPS))]


async def found(stack: Stack, plan: Plan, accounts: list[Account]) -> list[Tenant]:
    """Create every business; `accounts` are all, the shared one first."""
    chance = plan.chance("tenants")
    owners = [account for account, count in zip(accounts, GROUPS, strict=True) for _ in range(count)]
    return [
        await _create(stack, number, account, chance, own=account is not accounts[0])
        for number, account in enumerate(owners)
    ]


async def _create(stack: Stack, number: int, account: Account, chance: random.Random, *, own: bool) -> Tenant:
    cap = chance.randint(*CAPS)
    fields: dict[str, Any] = {"max_concurrent_calls": cap, "calls_per_second": 200}
    if own:
        fields["twilio"] = {
            "account_sid": account.sid,
            "auth_token": account.auth_token,
            "from_number": account.from_number,
        }
    admin = PatientClient(stack.url("api"), stack.token("platform_admin"))
    business_id = await admin.create_business(f"chaos {number}", **fields)
    client = PatientClient(stack.url("api"), stack.token("admin", business_id))
    return Tenant(business_id, number, account, client, cap)
