"""No output of a campaign holds a secret, a dial token, or a phone number where none belongs."""

from __future__ import annotations

import itertools
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import orjson
import pytest

from shared.settings import Settings
from stack.system import Stack
from tests.acceptance.business import SERVICES, Account, Business, Run
from tests.acceptance.conftest import ACCOUNTS, new_business
from tests.acceptance.spy import Message, listening

CSV = "phone,name\n052-9000123,Dana\n052-12,short\n+44 20 7946 0999,Leo\n"


@pytest.fixture(scope="module")
async def campaign(standing_stack: Stack, accounts: Iterator[Account]) -> AsyncIterator[Eventful]:
    """A campaign in which much went wrong, and all that was said meanwhile."""
    async with listening(standing_stack.amqp_url) as spy:
        business = await new_business(standing_stack, "much goes wrong", next(accounts))
        found = Eventful(business, await eventful(business))
        found.answers += await answers(business, found.run)
        found.messages = await spy.heard()
        yield found


class Eventful:
    """A run that is over, what the API answered meanwhile, and what was published."""

    def __init__(self, business: Business, run: Run) -> None:
        self.business = business
        self.run = run
        self.answers: list[str] = []
        self.messages: list[Message] = []

    async def numbers(self) -> set[str]:
        """The national digits of every number that was rung: they stand in each way of writing it."""
        return {entry["to"][4:] for entry in await self.run.creates()} | {"9000123"}

    async def tokens(self) -> set[str]:
        return {entry["token"] for entry in await self.run.creates()}


async def eventful(business: Business) -> Run:
    await business.client.import_leads(CSV.encode())
    leads = await business.leads(12)
    phones = list(leads.values())
    for mode, phone, params in (
        ("error", phones[0], {"code": 21211, "status": 400, "message": f"{phones[0]} is not a valid number"}),
        ("reset_after_accept", phones[1], {}),
        ("two_sids", phones[2], {}),
        ("bad_201", phones[3], {}),
        ("http_500_before_accept", phones[4], {}),
        ("callback_bad_signature", phones[5], {"extra": True}),
        ("callback_duplicate", phones[6], {}),
        ("callback_unknown_fields", phones[7], {}),
        ("callback_lost", phones[8], {}),
    ):
        await business.rule(mode, match={"to": phone}, times=1, **params)
    run = await business.start(leads)
    await run.over("completed", "completed")
    return run


async def answers(business: Business, run: Run) -> list[str]:
    """What the API says that is not about leads or jobs."""
    admin, platform = business.client, business.stack.client("platform_admin")
    stranger = business.stack.client("admin", business.id + 1_000_000)
    requests: list[tuple[Any, str, str, Any]] = [
        (admin, "GET", f"/api/outbound/runs/{run.id}", None),
        (admin, "GET", "/api/outbound/runs", None),
        (admin, "GET", "/api/outbound_calls/jobs/active", None),
        (admin, "POST", f"/api/outbound_calls/jobs/{run.id}/cancel", None),
        (admin, "POST", "/api/outbound/runs/reconcile", None),
        (admin, "GET", f"/api/businesses/{business.id}", None),
        (platform, "GET", f"/api/businesses/{business.id}", None),
        (platform, "GET", "/api/outbound/runs", None),
        (stranger, "GET", f"/api/outbound/runs/{run.id}", None),
        (stranger, "POST", f"/api/outbound_calls/jobs/{run.id}/force-cancel", None),
        (admin, "POST", "/api/outbound_calls/start", {"lead_ids": list(run.leads)[:1], "twiml": "<bad"}),
        (admin, "GET", "/openapi.json", None),
    ]
    found = [await client.request(method, path, json=body) for client, method, path, body in requests]
    return [f"{orjson.dumps(answer.body).decode()} {answer.headers}" for answer in found]


def secrets_of(stack: Stack) -> set[str]:
    """Everything that only we and the provider may know."""
    named = {value for name, value in stack.secrets.items() if name not in ("TWILIO_ACCOUNT_SID", "TWILIO_FROM_NUMBER")}
    passwords = set(re.findall(r"://[^:/]+:([^@]+)@", f"{stack.database_url} {stack.amqp_url}"))
    return named | {account.auth_token for account in ACCOUNTS} | {word for word in passwords if len(word) > 7}


async def said(stack: Stack) -> dict[str, str]:
    """Each service's log, metrics and words about its health, whole."""
    texts = {}
    async with aiohttp.ClientSession() as session:
        for name, path in itertools.product(SERVICES, ("metrics", "readyz", "healthz")):
            async with session.get(f"{stack.url(name)}/{path}") as answer:
                texts[f"{name}/{path}"] = await answer.text()
    for name in SERVICES:
        texts[f"log of {name}"] = stack.service(name).child.log.read_text()
    return texts


def holding(texts: dict[str, str], words: set[str]) -> dict[str, str]:
    """Where one of these words stands, with what is around it."""
    found = {}
    for place, text in texts.items():
        for word in words:
            if (at := text.find(word)) >= 0:
                found[place] = text[max(0, at - 150) : at + 100]
    return found


async def test_no_log_and_no_metric_holds_a_secret_a_token_or_a_number(campaign: Eventful) -> None:
    texts = await said(campaign.business.stack)
    assert campaign.business.events("CALL_ENDED"), "a log that tells nothing proves nothing"
    assert holding(texts, secrets_of(campaign.business.stack)) == {}
    assert holding(texts, await campaign.tokens()) == {}
    assert holding(texts, await campaign.numbers()) == {}


async def test_no_answer_but_those_about_leads_and_jobs_holds_any(campaign: Eventful) -> None:
    texts = {str(number): text for number, text in enumerate(campaign.answers)}
    words = secrets_of(campaign.business.stack) | await campaign.tokens() | await campaign.numbers()
    assert holding(texts, words) == {}


async def test_the_jobs_of_a_run_hold_no_token(campaign: Eventful) -> None:
    jobs = orjson.dumps(await campaign.run.jobs()).decode()
    assert any(phone in jobs for phone in campaign.run.leads.values())
    assert holding({"jobs": jobs}, secrets_of(campaign.business.stack) | await campaign.tokens()) == {}


async def test_messages_hold_the_fields_of_the_contract_and_nothing_else(campaign: Eventful) -> None:
    fields = {
        "run.created": {"run_id", "business_id"},
        "slot.released": {"business_id", "run_id", "job_id", "call_sid", "outcome"},
        "run.stale": {"run_id", "business_id", "last_heartbeat_at", "corrected"},
    }
    assert {message.routing_key for message in campaign.messages} >= {"run.created", "slot.released"}
    for message in campaign.messages:
        assert set(message.json) == fields[message.routing_key]
    texts = {str(number): f"{one.body!r} {one.headers}" for number, one in enumerate(campaign.messages)}
    words = secrets_of(campaign.business.stack) | await campaign.tokens() | await campaign.numbers()
    assert holding(texts, words) == {}


def test_the_settings_show_no_secret(standing_stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    stack = standing_stack
    places = {
        "DATABASE_URL": stack.database_url,
        "AMQP_URL": stack.amqp_url,
        "WEBHOOK_PUBLIC_URL": stack.url("webhook"),
    }
    for name, value in (stack.secrets | places).items():
        monkeypatch.setenv(name, value)
    settings = Settings()
    words = secrets_of(stack)
    assert words & set(settings.secret_values())
    assert holding({"repr": repr(settings), "str": str(settings), "dump": str(settings.model_dump())}, words) == {}
