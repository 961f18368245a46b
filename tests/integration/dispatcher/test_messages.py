"""Each message lost, doubled and late; floods, repeats and rubbish: a hint can cost a look, never a call."""

from __future__ import annotations

import asyncio

import aio_pika

from shared import topology
from shared.events import Event, RunStale, SlotReleased
from tests.integration.dispatcher.conftest import MakeRig
from tests.integration.dispatcher.rig import BY_HINT, CLAIMS, PATIENCE, STARTED, Rig, measured, run_created

BEAT = 0.5
SLACK = 60.0
"""Seconds that a busy machine may take on top of what is promised."""


async def test_a_lost_run_created_costs_one_beat(rig: Rig) -> None:
    business = await rig.business()
    run = await rig.run(business, 5)
    await rig.in_progress(run, 5, timeout=BEAT + SLACK)
    started = rig.events("OUTBOUND_CONSUMER_START")
    assert [(line["run_id"], line["consumer_source"]) for line in started] == [(run, "heartbeat")]


async def test_a_run_created_starts_the_run_without_waiting_for_a_beat(make_rig: MakeRig) -> None:
    rig = await make_rig(BY_HINT)
    business = await rig.business()
    run = await rig.run(business, 5, publish=True)
    await rig.in_progress(run, 5)
    started = rig.events("OUTBOUND_CONSUMER_START")
    assert [(line["run_id"], line["consumer_source"]) for line in started] == [(run, "rabbitmq")]


async def test_a_doubled_run_created_rings_each_lead_once(rig: Rig) -> None:
    business = await rig.business()
    run = await rig.run(business, 5)
    await asyncio.gather(*(rig.publish(run_created(business, run)) for _ in range(2)))
    await rig.in_progress(run, 5)
    assert await rig.settled(STARTED) == 5
    await rig.nobody_twice()


async def test_a_run_created_that_comes_after_its_run_has_ended_does_nothing(rig: Rig) -> None:
    business = await rig.business()
    run = await rig.run(business, 3)
    await rig.in_progress(run, 3)
    await rig.end_calls(run)
    assert await rig.status_of(run) == "completed"
    await rig.publish(run_created(business, run))
    assert await rig.settled(STARTED) == 3
    assert await rig.status_of(run) == "completed"


async def test_a_lost_slot_released_costs_one_beat(rig: Rig) -> None:
    business = await rig.business(cap=1)
    run = await rig.run(business, 2)
    await rig.in_progress(run, 1)
    assert await rig.end_calls(run) == 1
    await rig.in_progress(run, 1, timeout=BEAT + SLACK)
    assert await rig.statuses(run) == {"completed": 1, "in_progress": 1}


async def test_a_doubled_slot_released_fills_one_slot_once(make_rig: MakeRig) -> None:
    rig = await make_rig(BY_HINT)
    business = await rig.business(cap=2)
    run = await rig.run(business, 6, publish=True)
    await rig.in_progress(run, 2)
    await rig.end_calls(run, most=1)
    await asyncio.gather(*(rig.publish(slot_released(business, run)) for _ in range(2)))
    await rig.until(rig.counted(run, "in_progress", 2), "the slot in use again")
    assert await rig.settled(STARTED) == 3
    assert await rig.statuses(run) == {"completed": 1, "in_progress": 2, "queued": 3}


async def test_a_slot_released_that_comes_late_finds_its_slot_in_use(rig: Rig) -> None:
    business = await rig.business(cap=1)
    run = await rig.run(business, 5)
    await rig.in_progress(run, 1)
    await rig.end_calls(run)
    await rig.in_progress(run, 1)
    await rig.publish(slot_released(business, run))
    assert await rig.settled(STARTED) == 2
    assert await rig.statuses(run) == {"completed": 1, "in_progress": 1, "queued": 3}


async def test_a_lost_run_stale_is_made_good_by_the_beat(rig: Rig) -> None:
    business = await rig.business(cap=1)
    run = await rig.run(business, 2)
    await rig.in_progress(run, 1)
    await quieten(rig, run)
    await rig.until(lambda: beaten(rig, run), "the run beats again")


async def test_a_doubled_run_stale_is_one_look(make_rig: MakeRig) -> None:
    rig = await make_rig(BY_HINT)
    business = await rig.business()
    run = await rig.run(business, 3)
    await asyncio.gather(*(rig.publish(RunStale(business_id=business, run_id=run)) for _ in range(2)))
    await rig.in_progress(run, 3)
    assert await rig.settled(STARTED) == 3
    await rig.nobody_twice()


async def test_a_run_stale_that_comes_late_does_not_revive_its_run(rig: Rig) -> None:
    business = await rig.business(cap=1)
    run = await rig.run(business, 3)
    await rig.in_progress(run, 1)
    await rig.pool.fetchval("SELECT ringfence_end_run($1, 'stopped', 'stale', 'failed', 'not_dialed')", run)
    await rig.publish(RunStale(business_id=business, run_id=run, corrected=True))
    assert await rig.settled(STARTED) == 1
    row = await rig.pool.fetchrow("SELECT status, last_heartbeat_at FROM outbound_call_runs WHERE id = $1", run)
    assert row is not None
    assert tuple(row) == ("stopped", None)


async def test_a_slot_that_a_refusal_frees_is_used_without_a_message_or_a_beat(make_rig: MakeRig) -> None:
    rig = await make_rig(BY_HINT)
    refused = {"mode": "error", "params": {"code": 21211, "status": 400}, "times": 3}
    throttled = {"mode": "http_429", "times": 1}
    await rig.stack.simulator.add_rules(refused, throttled)
    business = await rig.business(cap=1)
    run = await rig.run(business, 6, publish=True)
    await rig.in_progress(run, 1)
    assert await rig.statuses(run) == {"failed": 3, "in_progress": 1, "queued": 2}


async def test_ten_thousand_identical_hints_cost_few_claims(make_rig: MakeRig) -> None:
    rig = await make_rig(BY_HINT)
    business = await rig.business(cap=1)
    run = await rig.run(business, 3, publish=True)
    await rig.in_progress(run, 1)
    await rig.end_calls(run)
    before = await rig.metric(CLAIMS)
    events = [slot_released(business, run)] * 10_000
    for start in range(0, len(events), 500):
        await asyncio.gather(*(rig.publish(event) for event in events[start : start + 500]))
    await rig.until(lambda: emptied(rig), "the queue is empty", timeout=300)
    claims = await rig.settled(CLAIMS) - before
    measured("claims for 10,000 hints", claims)
    assert await rig.metric(STARTED) == 2
    assert 1 <= claims <= 1_000, f"{claims} claims for 10,000 hints"


async def test_messages_that_cannot_be_read_go_to_the_dead_letters_and_stop_nobody(make_rig: MakeRig) -> None:
    rig = await make_rig(BY_HINT)
    await throw(rig, b"\xff\xfe", b"", b"[]", b'{"business_id": "one"}', b'{"business_id": 0, "run_id": 1}', b"{" * 99)
    business = await rig.business()
    run = await rig.run(business, 2, publish=True)
    await rig.in_progress(run, 2)

    async def counted() -> bool:
        return await rig.metric("ringfence_dead_letters_total") == 6

    await rig.until(counted, "six dead letters")


async def test_a_hint_for_a_business_that_does_not_exist_is_harmless(make_rig: MakeRig) -> None:
    rig = await make_rig(BY_HINT)
    await rig.publish(run_created(987_654, 1))
    business = await rig.business()
    run = await rig.run(business, 2, publish=True)
    await rig.in_progress(run, 2)


async def test_a_redelivered_hint_whose_work_is_done_is_counted_once_and_an_ordinary_one_is_not(
    make_rig: MakeRig,
) -> None:
    rig = await make_rig(BY_HINT, services=("simulator",))
    await topology.declare_topology(rig.stack.amqp_url)
    business = await rig.business()
    await rig.publish(run_created(business, 1))
    await put_back(rig)
    await rig.stack.start("dispatcher")
    line = await rig.stack.logged("dispatcher", "DEDUP_CONFLICT", action="redelivery")
    assert line["business_id"] == business
    assert line["dedup_conflict"] is True
    before = await rig.settled(CLAIMS)
    await rig.publish(run_created(business, 1))
    await rig.until(lambda: more(rig, CLAIMS, before), "the ordinary hint was looked at")
    assert await rig.metric('ringfence_duplicate_dials_prevented_total{how="redelivery"}') == 1


def slot_released(business: int, run: int) -> Event:
    return SlotReleased(business_id=business, run_id=run, job_id=1)


async def more(rig: Rig, metric: str, than: float) -> bool:
    return await rig.metric(metric) > than


async def quieten(rig: Rig, run: int) -> None:
    """As a reaper finds and leaves a run that nobody has looked after."""
    await rig.pool.execute(
        "UPDATE outbound_call_runs SET last_heartbeat_at = now() - interval '1 min', nudged_at = now(),"
        " lock_ts = now() - interval '1 min' WHERE id = $1",
        run,
    )


async def beaten(rig: Rig, run: int) -> bool:
    return bool(
        await rig.pool.fetchval(
            "SELECT nudged_at IS NULL AND last_heartbeat_at > now() - interval '30 s' FROM outbound_call_runs"
            " WHERE id = $1",
            run,
        )
    )


async def emptied(rig: Rig) -> bool:
    connection = await aio_pika.connect(rig.stack.amqp_url)
    async with connection:
        channel = await connection.channel()
        queue = await channel.declare_queue(topology.DISPATCHER, passive=True)
        return queue.declaration_result.message_count == 0


async def throw(rig: Rig, *bodies: bytes) -> None:
    connection = await aio_pika.connect(rig.stack.amqp_url)
    async with connection:
        channel = await connection.channel()
        exchange = await channel.get_exchange(topology.EVENTS)
        for body in bodies:
            await exchange.publish(aio_pika.Message(body), "run.created")


async def put_back(rig: Rig) -> None:
    """Take a message as somebody does who dies before he acknowledges it."""
    connection = await aio_pika.connect(rig.stack.amqp_url)
    async with connection:
        channel = await connection.channel()
        queue = await channel.get_queue(topology.DISPATCHER)
        taken = asyncio.Event()

        async def take(_message: aio_pika.abc.AbstractIncomingMessage) -> None:
            taken.set()

        await queue.consume(take)
        await asyncio.wait_for(taken.wait(), PATIENCE)
