"""Who dials: exactly one, whatever dies, freezes or is cut off, and no lead twice over all of it."""

from __future__ import annotations

import asyncio
import signal
import time
from urllib.parse import urlsplit

import asyncpg

from shared.telephony.deadman import EXIT_STATUS
from stack.brokers import BrokerServer
from tests.integration.dispatcher.conftest import MakeRig
from tests.integration.dispatcher.rig import PATIENCE, STARTED, Rig, measured

FAR = {"LEASE_SECONDS": "60"}
"""A holder is never silent for so long: who takes over does it for another reason."""

TWO = ("simulator", "dispatcher", "dispatcher2")
BOTH = ("dispatcher", "dispatcher2")


async def holder_and_standby(rig: Rig) -> tuple[str, str]:
    """The names of the two, once it is decided."""

    async def decided() -> bool:
        return len(await rig.active(*BOTH)) == 1

    await rig.until(decided, "one of the two holds the lease")
    (holder,) = await rig.active(*BOTH)
    return holder, next(name for name in BOTH if name != holder)


async def takes_over(rig: Rig, name: str, *, timeout: float = PATIENCE) -> float:
    """Seconds until this instance holds the lease."""

    async def holds() -> bool:
        return await rig.active(name) == [name]

    return await rig.until(holds, f"{name} takes over", timeout=timeout)


async def test_of_two_started_together_one_dials(make_rig: MakeRig) -> None:
    rig = await make_rig(FAR, services=TWO)
    holder, standby = await holder_and_standby(rig)
    business = await rig.business()
    run = await rig.run(business, 20, publish=True)
    await rig.in_progress(run, 20)
    assert await rig.metric(STARTED, holder) == 20
    assert await rig.metric(STARTED, standby) == 0
    assert [line["event"] for line in rig.stack.logs(standby) if line["event"] in ("LEASE_TAKEN", "CALL_STARTED")] == []
    assert (await rig.ready(standby))[0] == 200
    await rig.nobody_twice()


async def test_a_killed_holder_is_succeeded_at_once_and_rings_nobody_twice(make_rig: MakeRig) -> None:
    rules = '[{"mode": "response_delay", "params": {"seconds": 0.3}}]'
    rig = await make_rig({"LEASE_SECONDS": "600", "SIM_RULES": rules}, services=TWO)
    holder, standby = await holder_and_standby(rig)
    business = await rig.business(cap=500, rate=40)
    run = await rig.run(business, 60, publish=True)

    async def under_way() -> bool:
        return (await rig.statuses(run))["in_progress"] >= 5

    await rig.until(under_way, "the campaign is under way")
    await rig.stack.kill(holder)
    gap = await takes_over(rig, standby)
    measured("takeover", gap)

    async def dialled() -> bool:
        return (await rig.statuses(run))["queued"] == 0

    await rig.until(dialled, "every job was dialled")
    await rig.settled(STARTED, of=standby)
    # what the dead one had committed and not recorded stays for the reaper: never dialled again by a takeover
    assert set(await rig.states(run)) <= {"accepted", "dialing"}
    await rig.nobody_twice()
    taken = rig.events("LEASE_TAKEN", standby)
    assert len(taken) == 1
    assert any(line["consumer_source"] == "takeover" for line in rig.events("OUTBOUND_CONSUMER_START", standby))


async def test_a_frozen_holder_loses_the_lease_and_sends_nothing_late(make_rig: MakeRig) -> None:
    rig = await make_rig({"LEASE_SECONDS": "5", "SEND_WITHIN": "1"}, services=TWO)
    holder, standby = await holder_and_standby(rig)
    business = await rig.business(cap=500, rate=20)
    run = await rig.run(business, 40, publish=True)

    async def under_way() -> bool:
        return (await rig.statuses(run))["in_progress"] >= 3

    await rig.until(under_way, "the campaign is under way")
    rig.stack.freeze(holder)
    try:
        gap = await takes_over(rig, standby)
        measured("takeover", gap)

        async def dialled() -> bool:
            return (await rig.statuses(run))["queued"] == 0

        await rig.until(dialled, "the successor dialled the rest")
    finally:
        rig.stack.thaw(holder)
    thawed = time.time()
    epochs = {str(row["dial_token"]): row["claim_epoch"] for row in await claims(rig, run)}
    if await loses_the_lease(rig, holder):

        async def whole() -> bool:
            return (await rig.statuses(run))["in_progress"] == 40

        await rig.until(whole, "what the zombie had claimed and not sent was handed back and dialled")
    await rig.nobody_twice()
    by_epoch = {epoch: [entry for entry in await rig.rung() if epochs.get(entry["token"]) == epoch] for epoch in (1, 2)}
    assert by_epoch[2], "the successor dialled while the holder was frozen"
    assert [entry for entry in by_epoch[1] if entry["at"] > thawed] == []


async def claims(rig: Rig, run_id: int) -> list[asyncpg.Record]:
    return list(await rig.pool.fetch("SELECT dial_token, claim_epoch FROM calls WHERE run_id = $1", run_id))


async def loses_the_lease(rig: Rig, holder: str) -> bool:
    """Whether the thawed holder says so; false where it was frozen between a deadline's check and the first byte, for
    then it has ended."""

    async def decided() -> bool:
        return bool(rig.events("LEASE_LOST", holder)) or not rig.stack.running(holder)

    await rig.until(decided, "the holder knows that it is none")
    if rig.stack.running(holder):
        assert rig.events("LEASE_LOST", holder)[0]["level"] == "WARNING"
        return True
    assert rig.stack.service(holder).child.returncode == EXIT_STATUS
    return False


async def test_a_cut_lease_connection_never_makes_two_holders(make_rig: MakeRig) -> None:
    rig = await make_rig(FAR, services=TWO)
    await holder_and_standby(rig)
    business = await rig.business(cap=500, rate=25)
    run = await rig.run(business, 50, publish=True)
    for _ in range(3):
        await terminate_lease_backend(rig)
        await asyncio.sleep(0.3)

    async def whole() -> bool:
        return (await rig.statuses(run))["in_progress"] == 50

    await rig.until(whole, "every job was dialled")
    await holder_and_standby(rig)
    await rig.nobody_twice()

    def epochs(event: str) -> list[int]:
        return [line["epoch"] for name in BOTH for line in rig.events(event, name)]

    async def all_told() -> bool:
        return len(epochs("LEASE_LOST")) == len(epochs("LEASE_TAKEN")) - 1

    await rig.until(all_told, "each loss of the lease is told")
    assert len(epochs("LEASE_TAKEN")) == len(set(epochs("LEASE_TAKEN"))), "no epoch was given to two"


async def test_a_single_dispatcher_survives_the_end_of_its_lease_connection(rig: Rig) -> None:
    business = await rig.business()
    await terminate_lease_backend(rig)
    run = await rig.run(business, 5, publish=True)
    await rig.in_progress(run, 5)

    async def holds() -> bool:
        return await rig.active("dispatcher") == ["dispatcher"]

    await rig.until(holds, "it holds the lease")
    await rig.nobody_twice()


async def test_a_stopped_holder_hands_the_lease_on(make_rig: MakeRig) -> None:
    rig = await make_rig({"LEASE_SECONDS": "600"}, services=TWO)
    holder, standby = await holder_and_standby(rig)
    rig.stack.service(holder).child.send(signal.SIGTERM)
    gap = await takes_over(rig, standby)
    measured("takeover", gap)
    assert await rig.stack.service(holder).child.wait(PATIENCE) == 0
    assert rig.events("LEASE_GIVEN_UP", holder)


async def test_a_successor_does_not_wait_for_the_answers_of_a_stopped_holder(make_rig: MakeRig) -> None:
    rig = await make_rig({"LEASE_SECONDS": "600"}, services=TWO)
    await rig.stack.simulator.once({"mode": "response_delay", "params": {"seconds": 3600}})
    holder, standby = await holder_and_standby(rig)
    business = await rig.business(cap=1)
    other = await rig.business(cap=1)
    slow = await rig.run(business, 1, publish=True)
    await rig.until(lambda: rung(rig, 1), "the slow create reached the provider")
    rig.stack.service(holder).child.send(signal.SIGTERM)
    quick = await rig.run(other, 1)
    await rig.in_progress(quick, 1)
    assert rig.stack.running(holder), "the holder still awaits its answer"
    assert (await rig.statuses(slow)) == {"dialing": 1}
    await rig.answered()
    assert await rig.stack.service(holder).child.wait(PATIENCE) == 0
    assert (await rig.statuses(slow)) == {"in_progress": 1}
    assert rig.stack.running(standby)


async def test_a_holder_without_a_broker_keeps_its_lease_and_goes_on_dialling(
    make_rig: MakeRig, rabbitmq_server: BrokerServer
) -> None:
    rig = await make_rig(FAR, services=TWO)
    holder, standby = await holder_and_standby(rig)
    business = await rig.business(cap=500, rate=20)
    run = await rig.run(business, 40, publish=True)
    management = rabbitmq_server.management
    assert management is not None
    vhost = urlsplit(rig.stack.amqp_url).path.removeprefix("/")

    async def listed() -> bool:
        return len(await management.connections(vhost)) >= 3

    await rig.until(listed, "the broker's list shows the connections")
    for connection in await management.connections(vhost):
        await management.close_connection(connection["name"])
    await rig.in_progress(run, 40)
    assert await rig.active(*BOTH) == [holder]
    assert len(rig.events("LEASE_TAKEN", holder)) == 1
    assert not rig.events("LEASE_TAKEN", standby)
    second = await rig.run(business, 1, publish=True)
    await rig.in_progress(second, 1)
    await rig.nobody_twice()


async def test_a_dead_broker_stops_no_campaign_and_readiness_names_it(make_rig: MakeRig) -> None:
    rig = await make_rig(own_servers=True)
    business = await rig.business(cap=500, rate=50)
    await rig.stack.kill_rabbitmq()

    async def named() -> bool:
        status, body = await rig.ready()
        return status == 503 and body["away"] == ["broker"]

    await rig.until(named, "readiness names the broker")
    run = await rig.run(business, 20)
    await rig.in_progress(run, 20)
    assert await rig.active("dispatcher") == ["dispatcher"]
    await rig.stack.start_rabbitmq()

    async def back() -> bool:
        return (await rig.ready())[0] == 200

    await rig.until(back, "ready again")
    assert len(rig.events("LEASE_TAKEN")) == 1


async def terminate_lease_backend(rig: Rig) -> None:
    """End the connection that the lease is bound to, once somebody holds it."""

    async def held() -> bool:
        return bool(
            await rig.pool.fetchval(
                "SELECT pg_terminate_backend(l.backend_pid) FROM dispatcher_lease l"
                " JOIN pg_stat_activity a ON a.pid = l.backend_pid AND a.backend_start = l.backend_start"
            )
        )

    await rig.until(held, "somebody's lease connection was ended")


async def rung(rig: Rig, count: int) -> bool:
    return len(await rig.rung()) == count
