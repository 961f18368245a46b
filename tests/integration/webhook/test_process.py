"""The service as a process: its servers come and go, and it ends cleanly."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from stack.system import Stack
from tests.conftest import MakeStack
from tests.integration.broker.bench import raw_broker
from tests.integration.campaigns import Campaigns, Row, campaigns_in, new_sid
from tests.integration.webhook.desk import Provider

NO_BROKER = "amqp://guest:guest@127.0.0.1:1/nowhere"


@asynccontextmanager
async def provider_of(stack: Stack) -> AsyncIterator[Provider]:
    secrets = stack.secrets
    async with httpx.AsyncClient(base_url=stack.url("webhook"), timeout=120) as client:
        yield Provider(client, secrets["TWILIO_ACCOUNT_SID"], secrets["TWILIO_AUTH_TOKEN"], stack.url("webhook"))


@asynccontextmanager
async def scene(stack: Stack) -> AsyncIterator[tuple[Campaigns, Provider]]:
    async with campaigns_in(stack.database_url) as campaigns, provider_of(stack) as provider:
        await campaigns.account(provider.account_sid, shared=True)
        yield campaigns, provider


async def new_call(campaigns: Campaigns) -> Row:
    business = await campaigns.business()
    await campaigns.run(business, 1)
    return (await campaigns.claim(business))[0]


async def until_recorded(provider: Provider, call: Row, status: str, sid: str) -> list[int]:
    """Send a callback as the provider does, again and again; the statuses it met."""
    met: list[int] = []
    async with asyncio.timeout(180):
        while not met or met[-1] != 204:
            met.append((await provider.status(call, status, sid, 3)).status_code)
            if met[-1] != 204:
                await asyncio.sleep(0.1)
    return met


async def test_a_freed_slot_is_told_to_the_dispatcher_behind_the_answer(make_stack: MakeStack) -> None:
    stack = await make_stack(["webhook"])
    async with scene(stack) as (campaigns, provider), raw_broker(stack.amqp_url) as broker:
        call, sid = await new_call(campaigns), new_sid()
        assert (await provider.status(call, "completed", sid)).status_code == 204
        message = await broker.take_one()
        assert message.routing_key == "slot.released"
        assert json.loads(message.body) == {
            "business_id": call["business_id"],
            "run_id": call["run_id"],
            "job_id": call["job_id"],
            "call_sid": sid,
            "outcome": "answered",
        }
        assert await stack.stop("webhook") == 0
        lines = stack.logs("webhook")
        assert {"WORKER_START", "CALL_ENDED", "SLOT_RELEASED", "RUN_ENDED"} <= {line["event"] for line in lines}
        assert str(call["dial_token"]) not in str(lines)


async def test_without_a_broker_callbacks_are_recorded_all_the_same(make_stack: MakeStack) -> None:
    stack = await make_stack(["webhook"], {"AMQP_URL": NO_BROKER})
    async with scene(stack) as (campaigns, provider):
        call = await new_call(campaigns)
        assert (await provider.status(call, "completed", new_sid())).status_code == 204
        assert (await campaigns.call(call))["outcome"] == "answered"
        ready = await provider.client.get("/readyz")
        assert (ready.status_code, ready.json()["degraded"]) == (200, ["broker"])
        assert await stack.stop("webhook") == 0


async def test_killed_between_commit_and_publish_it_leaves_the_slot_free(make_stack: MakeStack) -> None:
    """The hint is lost with the process; the dispatcher's look needs nothing but what was committed."""
    stack = await make_stack(["webhook"], {"AMQP_URL": NO_BROKER})
    async with scene(stack) as (campaigns, provider):
        business = await campaigns.business(cap=1)
        await campaigns.run(business, 2)
        (call,) = await campaigns.claim(business)
        assert await campaigns.claim(business) == []
        assert (await provider.status(call, "completed", new_sid())).status_code == 204
        await stack.kill("webhook")
        assert len(await campaigns.claim_so_many(business, 1)) == 1


async def test_the_database_killed_in_the_middle_costs_no_callback(make_stack: MakeStack) -> None:
    stack = await make_stack(["webhook"], own_servers=True)
    sid, other = new_sid(), new_sid()
    async with scene(stack) as (campaigns, provider):
        call, later = await new_call(campaigns), await new_call(campaigns)
        assert (await provider.status(call, "ringing", sid, 1)).status_code == 204

    await stack.kill_postgres()
    async with provider_of(stack) as provider:
        refused = await provider.status(call, "completed", sid, 3)
        assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
        assert (await provider.voice(later, other)).status_code == 503
        ready = await provider.client.get("/readyz")
        assert (ready.status_code, ready.json()["away"]) == (503, ["database"])
        assert (await provider.client.get("/healthz")).status_code == 200

        await stack.start_postgres()
        await until_recorded(provider, call, "completed", sid)
        await until_recorded(provider, later, "busy", other)
    async with campaigns_in(stack.database_url) as campaigns:
        assert (await campaigns.call(call))["outcome"] == "answered"
        assert (await campaigns.call(later))["outcome"] == "busy"
    assert await stack.stop("webhook") == 0


async def test_it_waits_for_a_database_that_is_away_at_start(make_stack: MakeStack) -> None:
    stack = await make_stack([], own_servers=True)
    async with scene(stack) as (campaigns, _):
        call = await new_call(campaigns)
    await stack.stop_postgres()
    await stack.start("webhook", until="/healthz")
    async with provider_of(stack) as provider:
        assert (await provider.status(call, "completed", new_sid())).status_code == 503
        await stack.start_postgres()
        await until_recorded(provider, call, "completed", new_sid())


async def test_a_request_in_flight_is_finished_before_the_end(make_stack: MakeStack) -> None:
    stack = await make_stack(["webhook"])
    async with scene(stack) as (campaigns, provider), raw_broker(stack.amqp_url) as broker:
        call, sid = await new_call(campaigns), new_sid()
        holding = campaigns.connection.transaction()
        await holding.start()
        await campaigns.connection.execute("SELECT 1 FROM calls WHERE id = $1 FOR UPDATE", call["call_id"])
        answer = asyncio.create_task(provider.status(call, "completed", sid))
        stopping = asyncio.create_task(_stopped_when_asked(stack, campaigns, holding))
        assert (await answer).status_code == 204
        assert await stopping == 0
        assert json.loads((await broker.take_one()).body)["call_sid"] == sid


async def _stopped_when_asked(stack: Stack, campaigns: Campaigns, holding: Any) -> int | None:
    """Stop the service while a callback waits for a row, then let the row go."""
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    async with asyncio.timeout(180):
        while not await campaigns.connection.fetchval(waiting):  # noqa: ASYNC110 - asked over the network
            await asyncio.sleep(0.01)
    stopping = asyncio.create_task(stack.stop("webhook"))
    await stack.logged("webhook", "STOPPING")
    await holding.rollback()
    return await stopping


async def test_a_schema_that_is_too_old_is_one_line_and_status_three(
    make_stack: MakeStack, empty_database_url: str
) -> None:
    stack = await make_stack([])
    await stack.start("webhook", {"DATABASE_URL": empty_database_url}, until=None)
    assert await stack.service("webhook").child.wait(60) == 3
    lines = stack.logs("webhook")
    assert [line["event"] for line in lines if line["level"] == "ERROR"] == ["SCHEMA_TOO_OLD"]
