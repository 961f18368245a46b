"""What the provider refuses, from its answer to what the API shows."""

from __future__ import annotations

import asyncio
from typing import Any

from stack.system import Stack
from tests.acceptance.business import Business
from tests.acceptance.conftest import MakeBusiness
from tests.acceptance.waiting import eventually

BLOCKS: dict[str, tuple[str, dict[str, Any], str]] = {
    "bad_credentials": ("bad_credentials", {}, "20003"),
    "account_suspended": ("account_suspended", {}, "20005"),
    "concurrency": ("concurrency_10004", {}, "10004"),
    "queue_full": ("queue_full_22005", {}, "22005"),
    "too_many_requests": ("http_429", {"retry_after": 1}, "20429"),
}


async def test_a_refused_caller_id_ends_the_run(business: Business) -> None:
    """Every further job would get the same answer, and each would be a call that the lead never hears of."""
    await business.rule("error", code=21210, status=400)
    run = await business.start(9)
    shown = await run.over("failed", "twilio:21210")
    assert shown["failed"] == 9
    assert len(await run.creates()) <= business.cap
    outcomes = {job["outcome"] for job in await run.jobs()}
    assert outcomes <= {"not_dialed", "rejected"}
    assert "not_dialed" in outcomes


async def test_a_refused_number_rejects_its_job_alone(business: Business) -> None:
    leads = await business.leads(6)
    refused = list(leads.values())[2]
    await business.rule("error", match={"to": refused}, code=21211, status=400)
    run = await business.start(leads)
    await run.over("completed", "completed")
    jobs = {job["phone"]: job for job in await run.jobs()}
    bad = jobs.pop(refused)
    assert (bad["status"], bad["outcome"], bad["error_code"]) == ("failed", "rejected", "21211")
    assert "rejected" not in {job["outcome"] for job in jobs.values()}
    assert len([entry for entry in await run.creates() if entry["to"] == refused]) == 1
    await run.judge()


async def test_a_blocked_account_holds_its_runs_until_it_is_open_again(
    shared_stack: Stack, make_business: MakeBusiness
) -> None:
    businesses = {block: await make_business(shared_stack) for block in BLOCKS}
    await asyncio.gather(*(is_held_and_resumes(business, block) for block, business in businesses.items()))


async def is_held_and_resumes(business: Business, block: str) -> None:
    mode, params, code = BLOCKS[block]
    await business.rule(mode, **params)
    run = await business.start(6)
    shown = await run.until(status="running", waiting_for="provider")
    assert (await blocked(business, run.id))["code"] == code
    assert (shown["failed"], shown["ended_at"]) == (0, None)
    await business.behave()
    await run.over("completed", "completed")
    assert await blocked_now(business, run.id) is None
    assert "not_dialed" not in {job["outcome"] for job in await run.jobs()}
    await run.judge()


async def blocked(business: Business, run_id: int) -> dict[str, str]:
    return await eventually(lambda: blocked_now(business, run_id), f"what blocks run {run_id}")


async def blocked_now(business: Business, run_id: int) -> dict[str, str] | None:
    found: dict[str, str] | None = (await business.client.run(run_id))["blocked"]
    return found


async def test_a_blocked_account_is_not_asked_for_every_job(business: Business) -> None:
    await business.rule("account_suspended")
    run = await business.start(50)
    await run.until(waiting_for="provider")
    await business.logged("ACCOUNT_BREAKER", action="opened")
    assert len(await run.creates()) < 50 / 2
    await run.ending("stop")
    await business.behave()
    await run.over("stopped", "stopped")


async def test_the_block_of_one_account_stops_no_other(shared_stack: Stack, make_business: MakeBusiness) -> None:
    blocked_one, free = await make_business(shared_stack), await make_business(shared_stack)
    await blocked_one.rule("account_suspended")
    held = await blocked_one.start(3)
    await held.until(waiting_for="provider")
    run = await free.start(5)
    await run.over("completed", "completed")
    assert (await held.shown())["waiting_for"] == "provider"
    await blocked_one.behave()
    await held.over("completed", "completed")
