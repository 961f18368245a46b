"""Businesses beside one another: on one account, on their own, and out of one another's sight."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from stack.system import Stack
from tests.acceptance.business import FOR_EVER, Business
from tests.acceptance.conftest import MakeBusiness
from tests.acceptance.waiting import eventually


async def test_each_business_keeps_to_its_own_cap_on_a_shared_and_on_its_own_account(
    shared_stack: Stack, make_business: MakeBusiness
) -> None:
    businesses = [
        await make_business(shared_stack, cap=2, own_account=False),
        await make_business(shared_stack, cap=4, own_account=False),
        await make_business(shared_stack, cap=3),
    ]
    runs = [await business.start(12) for business in businesses]
    for run in runs:
        await run.over("completed", "completed")
        await run.judge()
        assert {entry["account"] for entry in await run.creates()} == {run.business.account}
    assert businesses[0].account == businesses[1].account != businesses[2].account


async def test_a_slow_business_keeps_its_rate_and_slows_nobody(
    shared_stack: Stack, make_business: MakeBusiness
) -> None:
    slow = await make_business(shared_stack, cap=50, rate=2, own_account=False)
    quick = await make_business(shared_stack, cap=50, own_account=False)
    slow_run, quick_run = await slow.start(6), await quick.start(20)
    await slow_run.until(waiting_for="rate")
    await quick_run.over("completed", "completed")
    assert (await slow_run.shown())["queued"] > 0
    await slow_run.over("completed", "completed")
    creates = await slow_run.creates()
    claimed = [call["created_at"] for call in await slow_run.calls()]
    assert len(set(claimed)) == 6
    # five intervals of half a second, less what the way from the claim to the provider may differ
    assert creates[-1]["at"] - creates[0]["at"] > 5 / 2 - 0.5
    await quick_run.judge()


async def test_two_runs_of_a_business_share_its_slots(business: Business) -> None:
    await business.rule("outcome", outcome="answered", ring_seconds=1, talk_seconds=100)
    first, second = await business.start(10), await business.start(10)
    await second.rung(3)
    assert (await first.shown())["queued"] > 0, "the second run waited for the end of the first"
    for run in (first, second):
        await run.over("completed", "completed")
        await run.judge()


async def test_a_lowered_cap_leaves_live_calls_alone_and_a_raised_one_is_used(business: Business) -> None:
    await business.rule("outcome", **FOR_EVER)
    run = await business.start(12)
    await run.until(in_progress=3, waiting_for="slots")
    path = f"/api/businesses/{business.id}"
    assert (await business.client.request("PATCH", path, json={"max_concurrent_calls": 1})).status == 200
    await run.quiet(1)
    assert (await run.shown())["in_progress"] == 3
    assert (await business.client.request("PATCH", path, json={"max_concurrent_calls": 5})).status == 200
    await run.until(in_progress=5)
    await run.quiet(1)
    assert (await run.ending("force-cancel", hangup="true"))[0] == 200
    await run.over("cancelled", "force_cancelled")


FOREIGN: list[tuple[str, str, Any, int]] = [
    ("GET", "/api/outbound/runs/{run}", None, 404),
    ("GET", "/api/outbound/runs/{run}/jobs", None, 404),
    ("POST", "/api/outbound_calls/jobs/{run}/cancel", None, 404),
    ("POST", "/api/outbound/stop-queue", "run", 404),
    ("POST", "/api/outbound_calls/jobs/{run}/force-cancel", None, 403),
]


async def test_a_run_of_another_business_can_neither_be_seen_nor_ended(
    business: Business, make_business: MakeBusiness
) -> None:
    stranger = await make_business(business.stack)
    await business.rule("outcome", **FOR_EVER)
    run = await business.start(5)
    await run.until(in_progress=3)
    for method, path, body, status in FOREIGN:
        json = {"run_id": run.id} if body else None
        answer = await stranger.client.request(method, path.format(run=run.id), json=json)
        assert answer.status == status, path
    facts = {"run_id": run.id, "owner_business_id": business.id}
    assert len(stranger.events("SECURITY", "api", **facts)) == len(FOREIGN)
    assert (await run.shown())["in_progress"] == 3
    body = {"from_run": run.id, "twiml": "<Response/>"}
    assert (await stranger.client.request("POST", "/api/outbound_calls/start", json=body)).status in (404, 422)
    answer = await stranger.client.request("GET", "/api/outbound/runs")
    assert answer.body["items"] == []
    leads = await stranger.client.request("GET", "/api/leads")
    assert leads.body["items"] == []
    assert (await run.ending("force-cancel", hangup="true"))[0] == 200
    await run.over("cancelled", "force_cancelled")


async def test_the_leads_of_another_business_are_unknown(business: Business, make_business: MakeBusiness) -> None:
    stranger = await make_business(business.stack)
    theirs = await business.leads(2)
    mine = await stranger.leads(1)
    started = await stranger.client.start_run([*mine, *theirs], twiml="<Response/>")
    assert {(one["lead_id"], one["reason"]) for one in started["skipped"]} == {(one, "unknown_lead") for one in theirs}
    assert started["queued"] == 1


@pytest.mark.parametrize("mode", ["callback_wrong_account", "callback_bad_signature", "callback_old_token"])
async def test_callbacks_that_another_account_signed_are_refused_and_the_call_is_looked_up(
    business: Business, make_business: MakeBusiness, mode: str
) -> None:
    other = await make_business(business.stack)
    params: dict[str, Any] = {"account": other.account} if mode == "callback_wrong_account" else {}
    await business.rule(mode, **params)
    run = await business.start(2)
    await run.over("completed", "completed")
    answers = {callback["http_status"] for entry in await run.creates() for callback in entry["callbacks"]}
    assert answers == {403}
    assert {line["how"] for line in business.events("CALL_SETTLED")} == {"fetch"}
    assert business.events("SECURITY", "webhook", run_id=run.id)
    await run.judge()


async def test_many_businesses_dial_at_once_and_none_waits_for_another(
    shared_stack: Stack, make_business: MakeBusiness
) -> None:
    businesses = [await make_business(shared_stack, cap=2, own_account=False) for _ in range(8)]
    runs = await asyncio.gather(*(business.start(6) for business in businesses))
    for run in runs:
        await run.over("completed", "completed")
        await run.judge()

    async def told() -> bool:
        return all(business.events("RUN_ENDED") for business in businesses)

    await eventually(told, "the end of every run in the log")
