"""A create leaves in time or never: late answers, lost answers, and databases that come and go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.integration.dispatcher.conftest import MakeRig
from tests.integration.dispatcher.proxy import ClaimProxy
from tests.integration.dispatcher.rig import PATIENCE, STARTED, Rig

SEND_WITHIN = 2.0
BY_DEADLINE = 'ringfence_duplicate_dials_prevented_total{how="deadline"}'


@pytest.fixture
async def rig(make_rig: MakeRig) -> Rig:
    return await make_rig({"SEND_WITHIN": f"{SEND_WITHIN:g}"}, services=("simulator",))


@pytest.fixture
async def proxy(rig: Rig) -> AsyncIterator[ClaimProxy]:
    """The dispatcher's way to the database."""
    async with ClaimProxy(rig.stack.database_url) as listening:
        await rig.stack.start("dispatcher", {"DATABASE_URL": listening.url})
        yield listening
        await rig.stack.stop("dispatcher")


async def committed_claim(rig: Rig, proxy: ClaimProxy, run: int, calls: int) -> set[str]:
    """Wait for the claim whose answer is kept back; return the tokens that it gave."""
    await asyncio.wait_for(proxy.sprung.wait(), PATIENCE)

    async def committed() -> bool:
        return await rig.states(run) == {"dialing": calls}

    await rig.until(committed, "the claim is in the database")
    rows = await rig.pool.fetch("SELECT dial_token::text AS token FROM calls WHERE run_id = $1 ORDER BY id", run)
    return {row["token"] for row in rows[:calls]}


async def never_sent(rig: Rig, run: int, tokens: set[str]) -> None:
    """The provider has seen none of these tokens, whatever was claimed after them."""
    assert tokens
    assert not tokens & {entry["token"] for entry in await rig.entries(run)}


async def by_deadline(rig: Rig, run: int) -> int:
    """How many calls of the run, the only one of its dispatcher, were handed back: rows and metric agree.

    On a slow machine what was handed back once may be again.
    """
    states = await rig.states(run)
    assert set(states) == {"abandoned", "accepted"}
    assert await rig.metric(BY_DEADLINE) == states["abandoned"]
    return states["abandoned"]


async def test_a_claim_whose_answer_comes_too_late_is_handed_back_and_dialled_once(rig: Rig, proxy: ClaimProxy) -> None:
    business = await rig.business()
    proxy.arm()
    run = await rig.run(business, 4, publish=True)
    tokens = await committed_claim(rig, proxy, run, 4)
    await asyncio.sleep(SEND_WITHIN + 0.2)
    proxy.release()
    await rig.in_progress(run, 4)
    await never_sent(rig, run, tokens)
    handed_back = await by_deadline(rig, run)
    assert handed_back >= 4
    given_up = sum(line["calls"] for line in rig.events("CLAIMS_HANDED_BACK"))  # where the machine slept for seconds
    assert await rig.metric('ringfence_create_results_total{class="deadline"}') == handed_back - given_up
    assert await rig.metric(STARTED) == 4, "what was handed back has not started"
    assert await rig.pool.fetchval("SELECT max(attempts) FROM outbound_call_jobs WHERE run_id = $1", run) == 1
    await rig.nobody_twice()


async def test_a_claim_whose_answer_is_lost_is_handed_back_and_dialled_once(rig: Rig, proxy: ClaimProxy) -> None:
    business = await rig.business()
    proxy.arm()
    run = await rig.run(business, 4, publish=True)
    await committed_claim(rig, proxy, run, 4)
    proxy.cut()
    await rig.in_progress(run, 4)
    assert await by_deadline(rig, run) >= 4
    assert rig.events("CLAIMS_HANDED_BACK")[0]["calls"] == 4
    await rig.nobody_twice()


async def test_handing_back_spares_a_call_whose_create_was_answered_badly(rig: Rig, proxy: ClaimProxy) -> None:
    """An uncertain call may be ringing: dialled again by mistake, somebody would be rung twice."""
    await rig.stack.simulator.once({"mode": "http_500_after_accept"})
    business = await rig.business()
    unsure = await rig.run(business, 1, publish=True)

    async def uncertain() -> bool:
        return await rig.states(unsure) == {"uncertain": 1}

    await rig.until(uncertain, "uncertain")
    proxy.arm()
    run = await rig.run(business, 2, publish=True)
    await committed_claim(rig, proxy, run, 2)
    proxy.cut()
    await rig.in_progress(run, 2)
    assert await rig.states(unsure) == {"uncertain": 1}
    assert await rig.statuses(unsure) == {"dialing": 1}
    await rig.nobody_twice()


async def test_a_claim_whose_answer_is_lost_as_the_process_stops_is_handed_back(rig: Rig, proxy: ClaimProxy) -> None:
    business = await rig.business()
    proxy.arm()
    run = await rig.run(business, 3, publish=True)
    await committed_claim(rig, proxy, run, 3)
    stopping = asyncio.create_task(rig.stack.stop("dispatcher"))
    await rig.stack.logged("dispatcher", "STOPPING")
    proxy.cut()
    assert await stopping == 0
    assert await rig.statuses(run) == {"queued": 3}
    assert await rig.rung() == []


async def test_a_process_that_slept_through_its_deadline_sends_nothing(rig: Rig, proxy: ClaimProxy) -> None:
    business = await rig.business()
    proxy.arm()
    run = await rig.run(business, 3, publish=True)
    tokens = await committed_claim(rig, proxy, run, 3)
    rig.stack.freeze("dispatcher")
    proxy.release()
    await asyncio.sleep(SEND_WITHIN + 0.3)  # with the claim's answer in its socket
    rig.stack.thaw("dispatcher")
    await rig.in_progress(run, 3)
    await never_sent(rig, run, tokens)
    assert await by_deadline(rig, run) >= 3
    await rig.nobody_twice()


async def test_a_database_that_was_away_costs_no_result_and_no_campaign(make_rig: MakeRig) -> None:
    rig = await make_rig(own_servers=True)
    await rig.stack.simulator.add_rules({"mode": "response_delay", "params": {"seconds": 3600}, "times": 3})
    business = await rig.business(cap=3)
    first = await rig.run(business, 8, publish=True)

    async def rung() -> bool:
        return len(await rig.rung()) == 3

    await rig.until(rung, "three creates reached the provider")
    await rig.stack.kill_postgres()
    await rig.answered()

    async def answered() -> bool:
        return await rig.metric('ringfence_create_results_total{class="accepted"}') == 3

    await rig.until(answered, "the answers are here, and the database is not")

    async def named() -> bool:
        status, body = await rig.ready()
        return status == 503 and body["away"] == ["database"]

    await rig.until(named, "readiness names the database")
    await rig.stack.start_postgres()
    await rig.in_progress(first, 3)
    sids = {row["call_sid"] for row in await rig.pool.fetch("SELECT call_sid FROM calls")}
    assert sids == {entry["sid"] for entry in await rig.rung()}
    await rig.end_calls(first)
    await rig.in_progress(first, 3)

    async def ready() -> bool:
        return (await rig.ready())[0] == 200

    await rig.until(ready, "readiness knows that the database is back")
    told = [line["loop"] for line in rig.events("LOOP_FAILED")]
    assert max(told.count(loop) for loop in told) <= 3, "an outage is told once by each loop, not at every try"
    await rig.nobody_twice()
