"""The reaper's parts on a real database and a provider of the test's own; a test turns the hands of the clock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest
from pydantic import SecretStr

from services.reaper.desk import Desk
from services.reaper.hangup import Hanger
from services.reaper.look import Looker
from services.reaper.outages import Outages
from services.reaper.rounds import Rounds
from services.reaper.sweep import Sweeper
from services.reaper.tell import Teller
from shared import corrections
from shared.db import Database
from shared.events import Event
from shared.health import Health
from shared.process import Stop, Tasks
from shared.purse import AccountOfCall, Purse
from shared.queries.checks import Check, HangUp
from shared.settings import Settings
from shared.telephony.credentials import Credentials
from shared.telephony.http import ProviderHttp
from tests.integration.campaigns import Campaigns, Row, campaigns_in
from tests.integration.reaper.provider import Provider, provider_runs

ACCOUNT = "AC" + "1" * 32
PATIENCE = 120.0
T = TypeVar("T")


def settings_for(database_url: str, provider_url: str, **changes: Any) -> Settings:
    values: dict[str, Any] = {
        "database_url": database_url,
        "amqp_url": "amqp://nobody",
        "webhook_public_url": "https://ours.example",
        "twilio_api_url": provider_url,
        "twilio_account_sid": ACCOUNT,
        "twilio_auth_token": "the-auth-token",
        "twilio_from_number": "+15005550006",
        "secrets_key": "a-key-for-secrets",
        "nudge_after": 500,  # long against what a slow machine adds to the time that a test lets pass
        "stale_after": 3000,
    }
    return Settings(_env_file=None, **(values | changes))


class OneToken(Purse):
    """Every account has the same token."""

    def credentials(self, call: AccountOfCall) -> Credentials:
        return Credentials(call.account_sid, SecretStr("the-auth-token"))


@dataclass
class Reaper:
    """One reaper without its process: every method goes round once and returns when that is done."""

    settings: Settings
    db: Database
    bulk: Database
    http: ProviderHttp
    purse_of: Callable[[Settings], Purse] = Purse
    events: list[Event] = field(default_factory=list)
    outages: Outages = field(default_factory=Outages)

    def __post_init__(self) -> None:
        teller = Teller(self.events.append)
        purse = self.purse_of(self.settings)
        self.health = Health(required=["database"])
        self.health.set("database", up=True)
        self.sweeper = Sweeper(self.db, self.bulk, self.settings, self.events.append, teller, self.health)
        self.looker = Looker(self.db, self.http, purse, self.settings, teller)
        self.hanger = Hanger(self.db, self.http, purse, self.settings)
        self.desk = Desk(20, 5, self.outages)
        self.looks: Rounds[Check] = Rounds("look", self.looker.take, self.looker.look, self.desk, self.outages)
        self.hangups: Rounds[HangUp] = Rounds(
            "hangup", self.hanger.take, self.hanger.end, Desk(10, 5, self.outages), self.outages
        )

    async def look(self) -> None:
        """Mark what is overdue, look at everything that is due, and settle it."""
        await self.sweeper.calls()
        await self._round(self.looks)

    async def hang_up(self) -> None:
        await self._round(self.hangups)

    async def _round(self, rounds: Rounds[Any]) -> None:
        stop = Stop()
        async with Tasks(stop, grace=PATIENCE) as tasks:
            await rounds.go(tasks, stop, 1.0)
            stop.set()


@dataclass
class Rig:
    """A reaper, its database and its provider."""

    campaigns: Campaigns
    provider: Provider
    reaper: Reaper
    another: Callable[..., Awaitable[Reaper]]

    async def uncertain_call(self, **fields: Any) -> Row:
        """A call whose dispatcher died after the claim: its create's answer is overdue."""
        return (await self.uncertain_calls(1, **fields))[0]

    async def uncertain_calls(self, count: int, cap: int = 100, **fields: Any) -> list[Row]:
        business = await self.campaigns.business(cap=max(cap, count))
        await self.campaigns.run(business, count, **fields)
        calls: list[Row] = []

        async def all_claimed() -> bool:  # a rate lets only some of them through at once
            calls.extend(await self.campaigns.claim(business, limit=count))
            return len(calls) == count

        await eventually(all_claimed)
        await self.pass_time(18.5)
        return calls

    async def live_call(self, **fields: Any) -> tuple[Row, str]:
        """A call that the provider accepted, and its sid."""
        business = await self.campaigns.business()
        await self.campaigns.run(business, 1, **fields)
        (call,) = await self.campaigns.claim(business)
        sid = self.provider.has(call["to_number"], "ringing")
        assert await self.campaigns.dialled(call, "accepted", sid) == "accepted"
        return call, sid

    async def pass_time(self, seconds: float) -> None:
        """Everything that is written about calls and runs happened so much longer ago."""
        await self.campaigns.connection.execute(_PASS_CALLS, seconds)
        await self.campaigns.connection.execute(_PASS_RUNS, seconds)

    def told(self, kind: type[T]) -> list[T]:
        return [event for event in self.reaper.events if isinstance(event, kind)]


_PASS_CALLS = """
    UPDATE calls SET created_at = created_at - $1 * interval '1 s', deadline = deadline - $1 * interval '1 s',
        expires_at = expires_at - $1 * interval '1 s', denied_at = denied_at - $1 * interval '1 s',
        next_check_at = next_check_at - $1 * interval '1 s', hangup_at = hangup_at - $1 * interval '1 s',
        last_heard_at = last_heard_at - $1 * interval '1 s'
"""
_PASS_RUNS = """
    UPDATE outbound_call_runs SET last_heartbeat_at = last_heartbeat_at - $1 * interval '1 s',
        lock_ts = lock_ts - $1 * interval '1 s', updated_at = updated_at - $1 * interval '1 s',
        created_at = created_at - $1 * interval '1 s', nudged_at = nudged_at - $1 * interval '1 s',
        last_nudge_at = last_nudge_at - $1 * interval '1 s'
"""


@asynccontextmanager
async def open_rig(database_url: str) -> AsyncIterator[Rig]:
    async with AsyncExitStack() as closing:
        campaigns = await closing.enter_async_context(campaigns_in(database_url))
        await campaigns.account(ACCOUNT, shared=True)
        provider = await closing.enter_async_context(provider_runs())

        async def another(purse_of: Callable[[Settings], Purse] = Purse) -> Reaper:
            settings = settings_for(database_url, provider.url)
            db = Database(database_url, name="tests-reaper", size=4)
            closing.push_async_callback(db.close)
            bulk = Database(database_url, name="tests-reaper-bulk", size=1, bulk=True)
            closing.push_async_callback(bulk.close)
            http = await closing.enter_async_context(ProviderHttp(settings.twilio_api_url, settings.dial_timeout))
            return Reaper(settings, db, bulk, http, purse_of)

        yield Rig(campaigns, provider, await another(), another)


@pytest.fixture
async def rig(database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Rig]:
    monkeypatch.setattr(corrections, "_outage_seen_at", None)
    async with open_rig(database_url) as opened:
        yield opened


async def eventually(look: Callable[[], Awaitable[T | None]]) -> T:
    """What `look` finds, asked until it finds something."""
    async with asyncio.timeout(PATIENCE):
        while True:
            found = await look()
            if found:
                return found
            await asyncio.sleep(0.02)


SECRET = SecretStr("a-key-for-secrets")
