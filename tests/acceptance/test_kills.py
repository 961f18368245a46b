"""Services killed and stopped in the midst of a campaign: it goes on, and nobody is rung twice."""

from __future__ import annotations

import asyncio
import random
import signal

import pytest

from stack.ports import free_port
from stack.system import Stack, together
from tests.acceptance.business import SERVICES, Business
from tests.acceptance.conftest import MakeBusiness
from tests.acceptance.waiting import eventually

LEADS = 40
KILLS = 3


async def campaign(business: Business) -> None:
    await business.rule("outcome", outcome="answered", ring_seconds=10, talk_seconds=90)


@pytest.mark.parametrize("victims", [["webhook"], ["dispatcher"], ["reaper", "api"]], ids="-".join)
async def test_a_service_killed_again_and_again_costs_nobody_a_second_ring(
    shared_stack: Stack, make_business: MakeBusiness, victims: list[str]
) -> None:
    chance = random.Random("".join(victims))
    business = await make_business(shared_stack, cap=4)
    await campaign(business)
    run = await business.start(LEADS)
    for kill in range(1, KILLS + 1):
        await run.rung(kill * LEADS // (KILLS + 4))
        await asyncio.sleep(chance.uniform(0, 0.2))
        await together(*(shared_stack.kill(victim, signal.SIGKILL) for victim in victims))
        await together(*(shared_stack.start(victim) for victim in victims))
    shown = await run.over("completed", "completed")
    assert shown["cursor_position"] == LEADS
    await run.judge()


async def test_a_standby_takes_over_from_a_dispatcher_that_is_killed(business: Business) -> None:
    stack = business.stack
    await campaign(business)
    await stack.start("dispatcher2")
    run = await business.start(30)
    for kill in range(1, 4):
        await run.rung(5 * kill)
        holder = await eventually(lambda: active(stack), "one active dispatcher")
        await stack.kill(holder, signal.SIGKILL)
        await stack.start(holder)
    await run.over("completed", "completed")
    await run.judge()
    taken = [line["epoch"] for name in PAIR for line in stack.logs(name) if line["event"] == "LEASE_TAKEN"]
    assert len(taken) == len(set(taken))
    assert await stack.stop("dispatcher2") == 0


PAIR = ("dispatcher", "dispatcher2")


async def active(stack: Stack) -> str | None:
    """The one dispatcher that holds the lease; two at once would be two that dial."""
    metrics = {name: await stack.service(name).metrics() for name in PAIR}
    holders = [name for name, found in metrics.items() if found["ringfence_dispatcher_active"] == 1]
    assert len(holders) <= 1
    return holders[0] if holders else None


async def test_a_slot_whose_release_was_never_told_is_used_again_by_the_beat(
    shared_stack: Stack, make_business: MakeBusiness
) -> None:
    """The webhook dies between its commit and its message, here because it never reaches the broker."""
    business = await make_business(shared_stack, cap=1)
    await business.rule("outcome", outcome="answered", ring_seconds=1, talk_seconds=100)
    await shared_stack.kill("webhook")
    await shared_stack.start("webhook", {"AMQP_URL": f"amqp://guest:guest@127.0.0.1:{free_port()}/"})
    run = await business.start(2)
    await business.logged("SLOT_RELEASED", service="webhook")
    await shared_stack.kill("webhook", signal.SIGKILL)
    await run.rung(2)
    await shared_stack.start("webhook")
    await run.over("completed", "completed")
    await run.judge()
    second = business.events("CALL_STARTED", "dispatcher")[1]
    assert second["consumer_source"] == "heartbeat"


async def test_every_service_ends_with_status_0_in_mid_campaign_and_its_next_life_goes_on(business: Business) -> None:
    stack = business.stack
    await campaign(business)
    run = await business.start(30)
    for number, name in enumerate((*SERVICES, "simulator"), 1):
        await run.rung(4 * number)
        assert await stack.stop(name) == 0
        await stack.start(name)
    await run.over("completed", "completed")
    await run.judge()


async def test_a_dispatcher_that_is_told_to_end_records_the_answers_it_awaits(business: Business) -> None:
    await business.rule("response_delay", seconds=1)
    await business.rule("callback_lost")
    run = await business.start(2)
    await run.rung(2)
    assert await business.stack.stop("dispatcher") == 0
    sids = {call["call_sid"] for call in await run.calls()}
    assert sids == {call.sid for call in await run.placed()}
    assert business.events("CALL_UNCERTAIN") == []
    await run.over("completed", "completed")
