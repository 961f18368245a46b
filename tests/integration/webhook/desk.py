"""The webhook service's application over a real database, and a provider that signs what it sends."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import httpx
from starlette.datastructures import FormData
from twilio.request_validator import RequestValidator

from services.webhook.main import make_app
from shared.db import Database
from shared.events import Event, SlotReleased
from shared.health import Health
from shared.settings import Settings
from tests.integration.campaigns import Campaigns, Row, campaigns_in, new_sid

PUBLIC = "https://calls.example.com/campaigns"
TOKEN = "the-shared-account-auth-token"
PREVIOUS = "the-previous-auth-token"
SECRETS_KEY = "a key that seals secrets in tests"

Pairs = Sequence[tuple[str, str]]


def signature(token: str, url: str, pairs: Pairs) -> str:
    """What the provider's own library puts into X-Twilio-Signature."""
    return str(RequestValidator(token).compute_signature(url, FormData(list(pairs))))


@dataclass
class Provider:
    """Sends signed callbacks of one account."""

    client: httpx.AsyncClient
    account_sid: str
    token: str = TOKEN
    public_url: str = PUBLIC

    def fields(self, sid: str, status: str, sequence: int | None = None, **more: str) -> list[tuple[str, str]]:
        """The fields of a callback, empty ones among them as the provider sends them."""
        pairs = [("CallSid", sid), ("AccountSid", self.account_sid), ("CallStatus", status), ("ToZip", "")]
        if sequence is not None:
            pairs.append(("SequenceNumber", str(sequence)))
        return [*pairs, *more.items()]

    async def status(
        self, call: Row, status: str, sid: str, sequence: int | None = None, **more: str
    ) -> httpx.Response:
        return await self.send("status", call["dial_token"], self.fields(sid, status, sequence, **more))

    async def voice(self, call: Row, sid: str) -> httpx.Response:
        return await self.send("voice", call["dial_token"], self.fields(sid, "in-progress"))

    async def send(self, kind: str, dial_token: object, pairs: Pairs, query: str = "") -> httpx.Response:
        """POST a form, signed over the public URL that the call was created with."""
        path = f"/webhooks/twilio/{kind}/{dial_token}{query}"
        signed = signature(self.token, self.public_url + path, pairs)
        return await self.post(path, urlencode(pairs), {"X-Twilio-Signature": signed})

    async def post(self, path: str, body: str | bytes, headers: dict[str, str]) -> httpx.Response:
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        return await self.client.post(path, content=body, headers={**form, **headers})


@dataclass
class Desk:
    """Everything that a test of the service talks to."""

    campaigns: Campaigns
    provider: Provider
    database: Database
    health: Health
    hints: list[Event] = field(default_factory=list)

    @property
    def released(self) -> list[SlotReleased]:
        return [hint for hint in self.hints if isinstance(hint, SlotReleased)]

    async def call(self, **run: Any) -> Row:
        """One claimed call of a run with one lead."""
        business = await self.campaigns.business()
        await self.campaigns.run(business, 1, **run)
        return (await self.campaigns.claim(business))[0]


@asynccontextmanager
async def open_desk(database_url: str, **settings: Any) -> AsyncIterator[Desk]:
    """The application on this database, with a shared account."""
    account_sid = new_sid("AC")
    given: dict[str, Any] = {
        "database_url": database_url,
        "amqp_url": "amqp://nobody.invalid",
        "webhook_public_url": PUBLIC,
        "twilio_account_sid": account_sid,
        "twilio_auth_token": TOKEN,
        "twilio_auth_token_previous": PREVIOUS,
        "twilio_from_number": "+15005550006",
        "secrets_key": SECRETS_KEY,
    }
    database = Database(database_url, name="webhook-tests", size=8)
    health = Health(required={"database"})
    hints: list[Event] = []
    app = make_app(Settings(**(given | settings)), database, hints.append, health)
    transport = httpx.ASGITransport(app)
    async with (
        campaigns_in(database_url) as campaigns,
        httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8001") as client,
    ):
        await campaigns.account(account_sid, shared=True)
        yield Desk(campaigns, Provider(client, account_sid), database, health, hints)
    await database.close()
