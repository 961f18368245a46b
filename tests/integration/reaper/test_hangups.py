"""Hang-ups that somebody asked for."""

from __future__ import annotations

import structlog
from pydantic import SecretStr

from shared.sealing import Sealer
from tests.integration.campaigns import Row, new_sid
from tests.integration.reaper.rig import SECRET, Rig


async def force_cancel(rig: Rig, call: Row) -> None:
    await rig.campaigns.connection.execute(
        "SELECT * FROM ringfence_force_cancel_run($1, $2, true)", call["business_id"], call["run_id"]
    )


async def test_a_live_call_is_ended_and_its_end_is_looked_up_soon(rig: Rig) -> None:
    """A call that was queued at the provider is cancelled without a callback: without the look its slot would wait."""
    call, sid = await rig.live_call()
    await force_cancel(rig, call)
    await rig.reaper.hang_up()
    assert rig.provider.hung_up == [sid]
    row = await rig.campaigns.call(call)
    assert row["hung_up_at"] is not None
    rig.provider.calls[sid]["status"] = "queued"  # reads lag behind
    for _ in range(3):
        await rig.pass_time(20)
        await rig.reaper.look()
    assert rig.provider.asked["fetch"] == 3
    rig.provider.calls[sid]["status"] = "canceled"
    await rig.pass_time(40)
    await rig.reaper.look()
    assert (await rig.campaigns.call(call))["outcome"] == "canceled"
    await rig.reaper.hang_up()
    assert rig.provider.hung_up == [sid]


async def test_a_hang_up_waits_for_the_sid_and_follows_it(rig: Rig) -> None:
    call = await rig.uncertain_call()
    await force_cancel(rig, call)
    await rig.reaper.hang_up()
    assert not rig.provider.asked
    sid = rig.provider.has(call["to_number"], "ringing")
    await rig.campaigns.dialled(call, "accepted", sid)
    await rig.reaper.hang_up()
    assert rig.provider.hung_up == [sid]


async def test_a_guess_is_never_hung_up(rig: Rig) -> None:
    call = await rig.uncertain_call()
    await force_cancel(rig, call)
    rig.provider.has(call["to_number"], "in-progress")
    await rig.reaper.look()
    assert (await rig.campaigns.call(call))["sid_is_guess"]
    await rig.reaper.hang_up()
    assert rig.provider.asked["end"] == 0


async def test_a_call_that_has_ended_already_is_not_asked_for_again(rig: Rig) -> None:
    call, sid = await rig.live_call()
    await force_cancel(rig, call)
    rig.provider.calls[sid]["status"] = "completed"
    await rig.reaper.hang_up()
    await rig.pass_time(60)
    await rig.reaper.hang_up()
    assert rig.provider.asked["end"] == 1
    assert (await rig.campaigns.call(call))["hangup_at"] is None


async def test_a_hang_up_that_met_no_call_or_no_answer_is_tried_again(rig: Rig) -> None:
    call, sid = await rig.live_call()
    await force_cancel(rig, call)
    rig.provider.status = 503
    await rig.reaper.hang_up()
    rig.provider.status = 200
    held = rig.provider.calls.pop(sid)
    await rig.pass_time(2.1)
    await rig.reaper.hang_up()
    assert (await rig.campaigns.call(call))["hung_up_at"] is None
    rig.provider.calls[sid] = held
    await rig.pass_time(2.1)
    await rig.reaper.hang_up()
    assert rig.provider.hung_up == [sid]


async def test_a_second_call_for_one_token_is_hung_up(rig: Rig) -> None:
    call, _ = await rig.live_call()
    twin = rig.provider.has(call["to_number"], "ringing", sid=new_sid())
    await rig.campaigns.connection.execute("SELECT ringfence_second_sid($1, $2, false)", call["call_id"], twin)
    await rig.reaper.hang_up()
    assert rig.provider.hung_up == [twin]


async def test_past_its_longest_life_nobody_tries_to_hang_up(rig: Rig) -> None:
    call, sid = await rig.live_call()
    await force_cancel(rig, call)
    del rig.provider.calls[sid]
    await rig.pass_time(2 * 3600)
    await rig.reaper.hang_up()
    assert not rig.provider.asked
    assert (await rig.campaigns.call(call))["hangup_at"] is None


async def test_a_business_with_an_account_of_its_own_is_hung_up_with_its_own_token(rig: Rig) -> None:
    own = new_sid("AC")
    account = await rig.campaigns.account(own)
    sealed = Sealer(SECRET).seal(SecretStr("its-own-token"), own)
    business = await rig.campaigns.business(account=account, sealed=sealed)
    await rig.campaigns.run(business, 1)
    (call,) = await rig.campaigns.claim(business)
    sid = rig.provider.has(call["to_number"], "ringing")
    await rig.campaigns.dialled(call, "accepted", sid)
    await force_cancel(rig, call)
    await rig.reaper.hang_up()
    assert rig.provider.hung_up == [sid]
    assert rig.provider.most_at_once[own] == 1


async def test_a_token_that_cannot_be_opened_is_logged_once_and_stops_nobody_else(rig: Rig) -> None:
    own = new_sid("AC")
    account = await rig.campaigns.account(own)
    business = await rig.campaigns.business(account=account, sealed=b"not sealed by us")
    await rig.campaigns.run(business, 2)
    for call in await rig.campaigns.claim(business):
        await rig.campaigns.dialled(call, "accepted", rig.provider.has(call["to_number"]))
        await force_cancel(rig, call)
    other, sid = await rig.live_call()
    await force_cancel(rig, other)
    with structlog.testing.capture_logs() as logs:
        await rig.reaper.hang_up()
        await rig.pass_time(60)
        await rig.reaper.hang_up()
    away = [line for line in logs if line["event"] == "PROVIDER_AWAY"]
    assert [line["business_id"] for line in away] == [business]
    assert rig.provider.hung_up == [sid]
