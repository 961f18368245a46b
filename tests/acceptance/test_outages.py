"""PostgreSQL and RabbitMQ away: from before the start, killed under a campaign, and for longer than STALE_AFTER."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import pytest

from stack.system import Stack, together
from tests.acceptance.business import SERVICES, Business, Run
from tests.acceptance.conftest import QUICK, MakeBusiness
from tests.acceptance.waiting import eventually

STALE_AFTER = 20.0
FRAGILE = {**QUICK, "STALE_AFTER": f"{STALE_AFTER:g}", "SIM_CALLBACK_RETRY_PAUSE": "2.9"}


@pytest.fixture(scope="module")
async def fragile_stack() -> AsyncIterator[Stack]:
    """A system with servers of its own, which a test may take away."""
    async with AsyncExitStack() as resources:
        yield await resources.enter_async_context(Stack((), FRAGILE, name="fragile-stack"))


@pytest.fixture
async def whole(fragile_stack: Stack) -> AsyncIterator[Stack]:
    """The fragile system with everything that belongs to it up, before and after the test."""
    await mended(fragile_stack)
    yield fragile_stack
    await fragile_stack.simulator.remove_rules()


async def mended(stack: Stack) -> None:
    if not stack.postgres.child.running:
        await stack.start_postgres()
    if not any(child.running for child in stack.rabbitmq.children):
        await stack.start_rabbitmq()
    await together(*(stack.start(name) for name in (*SERVICES, "simulator") if not stack.running(name)))
    for name in SERVICES:
        await eventually(lambda name=name: stack.service(name).answers("/readyz"), f"{name} ready")  # type: ignore[misc]


async def ready(stack: Stack, name: str) -> tuple[int, dict[str, Any]]:
    async with aiohttp.ClientSession() as session, session.get(f"{stack.url(name)}/readyz") as answer:
        return answer.status, await answer.json()


async def says(stack: Stack, name: str, status: int, **body: Any) -> None:
    """Wait until `/readyz` of this service says so."""

    async def look() -> bool:
        told, found = await ready(stack, name)
        return told == status and body.items() <= found.items()

    await eventually(look, f"{name} saying {status} {body}")


async def slow_calls(business: Business) -> None:
    await business.rule("outcome", outcome="answered", ring_seconds=10, talk_seconds=150)


async def test_a_campaign_completes_though_there_never_was_a_broker(
    fragile_stack: Stack, make_business: MakeBusiness
) -> None:
    """Every message of it is lost: the beat alone finds the run and each free slot."""
    whole = fragile_stack
    await together(*(whole.stop(name) for name in (*SERVICES, "simulator")), whole.kill_rabbitmq())
    await together(*(whole.start(name, until="/healthz") for name in SERVICES), whole.start("simulator"))
    for name in ("api", "webhook", "reaper"):
        await says(whole, name, 200, degraded=["broker"])
    await says(whole, "dispatcher", 503, away=["broker"])
    business = await make_business(whole)
    run = await business.start(9)
    await run.over("completed", "completed")
    await run.judge()
    assert {line["consumer_source"] for line in business.events("CALL_STARTED")} <= {"heartbeat", "takeover"}
    await whole.start_rabbitmq()
    for name in SERVICES:
        await says(whole, name, 200)


async def test_a_broker_killed_under_a_campaign_costs_no_call(whole: Stack, make_business: MakeBusiness) -> None:
    business = await make_business(whole)
    await slow_calls(business)
    run = await business.start(20)
    await run.rung(5)
    await whole.kill_rabbitmq()
    await says(whole, "dispatcher", 503, away=["broker"])
    other = await make_business(whole)
    started_without = await other.start(3)
    await whole.start_rabbitmq()
    await says(whole, "dispatcher", 200)
    await run.over("completed", "completed")
    await started_without.over("completed", "completed")
    await run.judge()
    await started_without.judge()


async def test_a_database_killed_under_a_campaign_costs_no_call(whole: Stack, make_business: MakeBusiness) -> None:
    business = await make_business(whole)
    await slow_calls(business)
    run = await business.start(20)
    for killed in range(1, 3):
        await run.rung(5 * killed)
        await asyncio.gather(*(run.shown() for _ in range(5)))  # so that the API holds several connections
        await whole.kill_postgres()
        await whole.start_postgres()
        await asyncio.gather(*(run.shown() for _ in range(5)))
    await run.over("completed", "completed")
    await run.judge()
    assert business.events("STALE_DETECTION", action="corrected") == []


async def test_a_database_that_is_away_for_longer_than_stale_after_costs_no_campaign(
    whole: Stack, make_business: MakeBusiness
) -> None:
    business = await make_business(whole)
    await slow_calls(business)
    run = await business.start(20)
    await run.rung(6)
    await whole.kill_postgres()
    for name in SERVICES:
        await says(whole, name, 503, away=["database"])
    answer = await business.client.request("GET", f"/api/outbound/runs/{run.id}")
    assert (answer.status, answer.body["code"]) == (503, "unavailable")
    (asked,) = {entry["token"] for entry in (await run.creates())[:1]}
    status = await callback(whole, asked)
    assert status == 503
    await asyncio.sleep(STALE_AFTER + 1)
    await whole.start_postgres()
    for name in SERVICES:
        await says(whole, name, 200)
    shown = await run.over("completed", "completed")
    assert shown["cursor_position"] == 20
    await run.judge()
    assert business.events("STALE_DETECTION", action="corrected") == []


async def callback(stack: Stack, token: str) -> int:
    """The status of a callback for this call that nobody signed: without the database not even that can be told."""
    url = f"{stack.url('webhook')}/webhooks/twilio/status/{token}"
    form = {"CallSid": f"CA{0:032}", "CallStatus": "completed"}
    async with aiohttp.ClientSession() as session, session.post(url, data=form) as answer:
        return answer.status


async def test_callbacks_that_met_no_database_are_delivered_by_the_providers_retries(
    whole: Stack, make_business: MakeBusiness
) -> None:
    """At the speed of life: a provider that is in a hurry has given up before a database can start again."""
    business = await make_business(whole)
    await whole.stop("reaper")  # which would look the calls up at the provider
    await whole.simulator.set_scale(1)
    await business.rule("outcome", outcome="answered", ring_seconds=0, talk_seconds=25)
    run = await business.start(3)
    await eventually(lambda: all_answered(run), "three calls that were answered")

    async def told() -> bool:
        """Else one that is no part of a call's end meets no database, and need not be delivered before the run ends."""
        heard = await callbacks(run, 204)
        return len({(one["sid"], one["event"]) for one in heard if one["event"] in ("ringing", "answered")}) == 6

    await eventually(told, "every callback up to the answer of each call")
    await whole.simulator.set_scale(0.001)  # nobody hangs up before the database is gone
    await whole.kill_postgres()
    await whole.simulator.set_scale(1)
    await eventually(lambda: callbacks(run, 503), "a callback that met no database")
    await whole.start_postgres()
    await run.over("completed", "completed")
    await whole.simulator.set_scale(float(QUICK["SIM_TIME_SCALE"]))
    turned_away = {(one["sid"], one["event"]) for one in await callbacks(run, 503)}

    async def delivered() -> bool:
        return turned_away <= {(one["sid"], one["event"]) for one in await callbacks(run, 204)}

    await eventually(delivered, "every callback that was turned away")
    assert {line["how"] for line in business.events("CALL_ENDED")} == {"callback"}
    await run.judge()


async def all_answered(run: Run) -> bool:
    creates = await run.creates()
    return len(creates) == 3 and all("in-progress" in entry["states"] for entry in creates)


async def callbacks(run: Run, http_status: int) -> list[dict[str, Any]]:
    """The callbacks of a run that were answered like this, each with its call's sid."""
    return [
        {**told, "sid": entry["sid"]}
        for entry in await run.creates()
        for told in entry["callbacks"]
        if told["http_status"] == http_status
    ]
