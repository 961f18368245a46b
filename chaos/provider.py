"""What the provider does wrong: every failure mode of the simulator at once, calls of others, and forged callbacks.

Rules: a call that no callback tells of and whose reads lie keeps its slot to the longest life, so lies end after a
while; a create that is carried out late, and reads that lag, keep below LATE_LIMIT.
"""

from __future__ import annotations

import asyncio
import random
import uuid
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from chaos.links import Links
from chaos.plan import LATE_LIMIT
from chaos.stage import Stage
from chaos.tenants import Account, Tenant
from simulator.signature import sign

FOREIGN_MEAN = 2.0
FORGED_MEAN = 1.5
BLOCK_MEAN = 40.0
POST_TIMEOUT = aiohttp.ClientTimeout(total=10)
LIE_SUFFIX = "7"
UNTOLD_LIE_SUFFIX = "77"

FAULTS: tuple[tuple[str, float, dict[str, Any]], ...] = (
    ("response_delay", 0.02, {"seconds": 1.0}),
    ("response_delay", 0.005, {"seconds": 3.0}),
    ("reset_after_accept", 0.012, {}),
    ("reset_before_accept", 0.008, {}),
    ("http_500_after_accept", 0.01, {"html": True}),
    ("http_503_before_accept", 0.006, {}),
    ("bad_201", 0.004, {"form": "empty"}),
    ("bad_201", 0.004, {"form": "truncated"}),
    ("bad_201", 0.004, {"form": "cut"}),
    ("bad_201", 0.004, {"form": "html"}),
    ("http_429", 0.008, {"retry_after": 1}),
    ("concurrency_10004", 0.003, {}),
    ("queue_full_22005", 0.003, {}),
    ("geo_21215", 0.008, {}),
    ("error", 0.01, {"code": 21211, "status": 400, "message": "not a number"}),
    ("hang", 0.005, {}),
    ("hang", 0.005, {"accept": True}),
    ("create_late", 0.006, {"seconds": LATE_LIMIT}),
    ("two_sids", 0.01, {}),
)
"""Faults of creates: mode, probability, parameters."""

CALL_MODES: tuple[tuple[str, float, dict[str, Any]], ...] = (
    ("callback_first", 0.03, {"wait": 3}),
    ("callback_lost", 0.03, {}),
    ("callback_duplicate", 0.05, {"concurrent": True, "new_token": True}),
    ("callback_reorder", 0.05, {}),
    ("callback_delay", 0.03, {"seconds": 3}),
    ("callback_bad_signature", 0.02, {"extra": True}),
    ("callback_bad_signature", 0.01, {}),
    ("callback_old_token", 0.01, {}),
    ("callback_unknown_fields", 0.03, {}),
    ("callback_wrong_account", 0.02, {"extra": True}),
    ("callback_wrong_account", 0.01, {}),
    ("slow_callback_client", 0.02, {"seconds": 1.5}),
    ("rest_stale", 0.04, {"lag": LATE_LIMIT, "duplicates": True}),
)

READS: tuple[tuple[str, float, dict[str, Any]], ...] = (
    ("http_500_before_accept", 0.02, {}),
    ("http_429", 0.02, {"retry_after": 1}),
    ("reset_before_accept", 0.02, {}),
)
"""Faults of lists, fetches and updates."""


def rules() -> list[dict[str, Any]]:
    """Every failure mode, each with a small probability or on some numbers."""
    made = [_rule(mode, params, probability=probability) for mode, probability, params in (*FAULTS, *CALL_MODES)]
    made += [
        _rule(mode, params, probability=p, op=op) for mode, p, params in READS for op in ("list", "fetch", "update")
    ]
    made.append(_rule("callback_lost", {}, to_suffix=UNTOLD_LIE_SUFFIX))
    made.append(_rule("callback_lost", {"events": ["completed"]}, probability=0.03))
    made.append(_rule("lying_status", {"status": "in-progress", "seconds": 4}, to_suffix=LIE_SUFFIX))
    return made


def _rule(mode: str, params: dict[str, Any], **match: Any) -> dict[str, Any]:
    return {"mode": mode, "params": params, "match": match}


@dataclass
class Provider:
    """Misbehaves until it is told to behave. `forged` counts callbacks that nobody should believe."""

    stage: Stage
    links: Links
    tenants: list[Tenant]
    accounts: list[Account]
    _blocks: list[str] = field(default_factory=list)

    async def play(self) -> None:
        await self.stage.stack.simulator.add_rules(*rules())
        async with asyncio.TaskGroup() as group:
            group.create_task(self.stage.now_and_then("foreign calls", FOREIGN_MEAN, self._call))
            group.create_task(self.stage.now_and_then("forged callbacks", FORGED_MEAN, self._forge))
            group.create_task(self.stage.now_and_then("blocked account", BLOCK_MEAN, self._block))

    async def behave(self) -> dict[str, int]:
        """Stop misbehaving; how often each mode struck."""
        rules = (await self.stage.stack.simulator.ask("GET", "rules"))["rules"]
        struck: dict[str, int] = {}
        for rule in rules:
            struck[rule["mode"]] = struck.get(rule["mode"], 0) + rule["struck"]
        await self.stage.stack.simulator.remove_rules()
        return struck

    async def _call(self, chance: random.Random) -> None:
        """Somebody else calls over one of our accounts: a stranger, or one of our leads."""
        tenant = chance.choice(self.tenants)
        to = chance.choice(tenant.dialled) if tenant.dialled and chance.random() < 0.6 else _stranger(chance)
        own = chance.random() < 0.5
        from_ = tenant.account.from_number if own else tenant.account.other_number
        body = {"account": tenant.account.sid, "to": to, "from": from_}
        await self.stage.stack.simulator.ask("POST", "calls", body)
        self.stage.notes.count("foreign_call", own_number=own)

    async def _forge(self, chance: random.Random) -> None:
        """A callback for a token never given out, rightly signed or not."""
        account = self.stage.stack.secrets
        key = account["TWILIO_AUTH_TOKEN"] if chance.random() < 0.5 else "somebody else's"
        url = f"{self.links.settings('webhook')['WEBHOOK_PUBLIC_URL']}/webhooks/twilio/status/{_uuid(chance)}"
        fields = {"CallSid": f"CA{_uuid(chance).hex}", "AccountSid": account["TWILIO_ACCOUNT_SID"]}
        fields |= {"CallStatus": "completed", "SequenceNumber": "3"}
        headers = {"X-Twilio-Signature": sign(key, url, fields.items())}
        try:
            async with (
                aiohttp.ClientSession(timeout=POST_TIMEOUT) as session,
                session.post(url, data=fields, headers=headers) as answer,
            ):
                self.stage.notes.count("forged_callback", status=answer.status)
        except (aiohttp.ClientError, TimeoutError):
            self.stage.notes.count("forged_callback", status=None)

    async def _block(self, chance: random.Random) -> None:
        """An account is suspended for a few requests."""
        account = chance.choice(self.accounts)
        rule = {"mode": "account_suspended", "match": {"account": account.sid, "op": "create"}}
        await self.stage.stack.simulator.once({**rule, "times": chance.randint(1, 2)})
        self.stage.notes.count("account_suspended")


def _stranger(chance: random.Random) -> str:
    return f"+97239{chance.randint(0, 999_999):06d}"


def _uuid(chance: random.Random) -> uuid.UUID:
    return uuid.UUID(int=chance.getrandbits(128), version=4)
