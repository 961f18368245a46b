"""Cancel, stop, force-cancel, reconcile and abandon."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from shared import messages, metrics
from shared.auth import Role
from shared.events import RunStale, SlotReleased
from tests.integration.api.rig import Asker, Rig, World

FAR = 300


def send_within(rig: Rig, seconds: float) -> None:
    """Let creates take so long to start: an answer waits for them no longer."""
    rig.context.settings = rig.context.settings.model_copy(update={"send_within": seconds})


def cancel_path(run_id: int) -> str:
    return f"/api/outbound_calls/jobs/{run_id}/cancel"


def force_path(run_id: int) -> str:
    return f"/api/outbound_calls/jobs/{run_id}/force-cancel"


async def stop(asker: Asker, run_id: object) -> tuple[int, dict[str, object]]:
    answer = await asker.post("/api/outbound/stop-queue", json={"run_id": run_id})
    return answer.status_code, answer.json()


async def test_cancel_ends_a_run_without_calls_at_once_and_may_be_repeated(rig: Rig, world: World) -> None:
    business = await world.business()
    asker = rig.asker(business, Role.OPERATOR)
    run_id = await asker.start(await world.leads(business, 3))
    with capture_logs() as lines:
        for _ in range(2):
            answer = await asker.post(cancel_path(run_id))
            assert (answer.status_code, answer.json()) == (200, {"success": True, "cancel_requested": True})
    run = await asker.run(run_id)
    assert (run["status"], run["cancelled"], run["end_reason"]) == ("cancelled", 3, "cancelled")
    assert (run["can_cancel"], run["cancel_requested"]) == (False, True)
    assert [line["run_id"] for line in lines if line["event"] == "RUN_ENDED"] == [run_id]


async def test_cancel_lets_live_calls_end_by_themselves(rig: Rig, world: World) -> None:
    business = await world.business(cap=1)
    asker = rig.asker(business)
    run_id = await asker.start(await world.leads(business, 3))
    (call,) = await world.claim(business)
    await world.do("UPDATE calls SET state = 'accepted', call_sid = 'CA1' WHERE id = $1", call["call_id"])
    assert (await asker.post(cancel_path(run_id))).status_code == 200
    run = await asker.run(run_id)
    assert (run["status"], run["cancelled"], run["in_progress"], run["can_cancel"]) == ("running", 2, 1, False)


@pytest.mark.parametrize("way", ["cancel", "stop"])
async def test_the_answer_waits_until_no_claimed_call_can_be_dialled(rig: Rig, world: World, way: str) -> None:
    """Breaks when a phone rings after somebody was told that none will."""
    send_within(rig, FAR)
    business = await world.business(cap=1)
    asker = rig.asker(business)
    run_id = await asker.start(await world.leads(business, 2))
    (call,) = await world.claim(business, send_within=f"{FAR} s")
    path, body = (cancel_path(run_id), {}) if way == "cancel" else ("/api/outbound/stop-queue", {"run_id": run_id})
    answering = asyncio.create_task(asker.post(path, json=body))
    async with asyncio.timeout(FAR):
        cancelled = "SELECT count(*) FROM outbound_call_jobs WHERE status = 'cancelled'"
        while not await world.value(cancelled):  # noqa: ASYNC110 - asked over the network
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.3)
    assert not answering.done()
    await world.do("UPDATE calls SET state = 'accepted', call_sid = 'CA1' WHERE id = $1", call["call_id"])
    async with asyncio.timeout(FAR / 2):
        assert (await answering).status_code == 200


async def test_cancel_does_not_wait_longer_than_the_deadline_of_the_last_claim(rig: Rig, world: World) -> None:
    business = await world.business(cap=1)
    asker = rig.asker(business)
    run_id = await asker.start(await world.leads(business, 2))
    await world.claim(business, send_within="0.5 s")
    send_within(rig, FAR)
    async with asyncio.timeout(FAR / 2):
        assert (await asker.post(cancel_path(run_id))).status_code == 200
    assert await world.value("SELECT bool_and(deadline < clock_timestamp()) FROM calls")


async def test_stop_ends_the_run_and_cancels_its_queue(rig: Rig, world: World) -> None:
    business = await world.business(cap=1)
    asker = rig.asker(business, Role.OPERATOR)
    run_id = await asker.start(await world.leads(business, 5))
    (call,) = await world.claim(business)
    await world.do("UPDATE calls SET state = 'accepted', call_sid = 'CA1' WHERE id = $1", call["call_id"])
    assert await stop(asker, run_id) == (200, {"success": True, "jobs_cancelled": 4})
    run = await asker.run(run_id)
    assert (run["status"], run["end_reason"], run["cancelled"], run["in_progress"]) == ("stopped", "stopped", 4, 1)
    assert run["locked_by_worker"] is None


@pytest.mark.parametrize("body", [{}, {"run_id": "1"}, {"run_id": True}, {"run_id": 0}, {"run_id": 2**63}, {"run": 1}])
async def test_stop_names_what_is_wrong_with_its_body(rig: Rig, world: World, body: dict[str, object]) -> None:
    answer = await rig.asker(await world.business()).post("/api/outbound/stop-queue", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert answer.json()["fields"][0]["field"] in {"run_id", "run"}


async def test_force_cancel_works_with_every_dispatcher_dead(rig: Rig, world: World) -> None:
    business = await world.business(cap=2)
    asker = rig.asker(business, Role.OPERATOR)
    run_id = await asker.start(await world.leads(business, 5))
    send_within(rig, FAR)
    await world.claim(business, send_within=f"{FAR} s")
    with capture_logs() as lines:
        async with asyncio.timeout(FAR / 2):  # it does not wait for the claimed calls
            answer = await asker.post(force_path(run_id))
    body = answer.json()
    assert (body["jobs_cancelled"], body["calls_hung_up"]) == (3, 0)
    assert body["message"] == messages.force_cancelled("en", 3, 0)
    run = await asker.run(run_id)
    assert (run["status"], run["end_reason"], run["failed"], run["in_progress"]) == (
        "cancelled",
        "force_cancelled",
        3,
        2,
    )
    assert (run["locked_by_worker"], run["last_heartbeat_at"]) == (None, None)
    outcomes = await world.value("SELECT array_agg(DISTINCT outcome) FROM outbound_call_jobs WHERE status = 'failed'")
    assert outcomes == ["not_dialed"]
    assert [line["run_id"] for line in lines if line["event"] == "FORCE_CANCEL"] == [run_id]
    assert RunStale(run_id=run_id, business_id=business, corrected=True) in rig.events


async def test_force_cancel_with_hangup_counts_and_marks_the_live_calls(rig: Rig, world: World) -> None:
    business = await world.business(cap=2, locale="he")
    asker = rig.asker(business)
    run_id = await asker.start(await world.leads(business, 3))
    await world.claim(business)
    body = (await asker.post(force_path(run_id), params={"hangup": "true"})).json()
    assert (body["jobs_cancelled"], body["calls_hung_up"]) == (1, 2)
    assert body["message"] == messages.force_cancelled("he", 1, 2)
    assert await world.value("SELECT count(*) FROM calls WHERE hangup_requested_at IS NOT NULL") == 2


async def test_a_run_that_has_ended_is_ended_no_more(rig: Rig, world: World) -> None:
    business = await world.business()
    asker = rig.asker(business)
    run_id = await asker.start(await world.leads(business, 1))
    await stop(asker, run_id)
    for answer in (
        await asker.post(cancel_path(run_id)),
        await asker.post(force_path(run_id)),
        await asker.post("/api/outbound/stop-queue", json={"run_id": run_id}),
    ):
        assert answer.status_code == 409
        assert (answer.json()["code"], answer.json()["status"]) == ("illegal_transition", "stopped")
        assert answer.json()["error"] == "This run has ended already: it is stopped."


async def test_reconcile_ends_what_has_nothing_open_and_says_why(rig: Rig, world: World) -> None:
    business = await world.business()
    asker = rig.asker(business, Role.OPERATOR)
    done = await asker.start(await world.leads(business, 3))
    going = await asker.start(await world.leads(business, 1))
    await world.do(
        "UPDATE outbound_call_jobs SET status = 'completed', outcome = 'answered' WHERE run_id = $1",
        done,
    )
    await world.do(
        "UPDATE outbound_call_runs SET status = 'running', locked_by_worker = 'w:1', lock_ts = now(),"
        " last_heartbeat_at = now() WHERE id = $1",
        done,
    )
    with capture_logs() as lines:
        answer = (await asker.post("/api/outbound/runs/reconcile")).json()
    assert answer == {
        "success": True,
        "reconciled_count": 1,
        "runs": [
            {
                "run_id": done,
                "old_status": "running",
                "new_status": "completed",
                "reason": "3/3 jobs completed",
                "completed_jobs": 3,
                "total_leads": 3,
            }
        ],
        "message": "One run was reconciled.",
    }
    run = await asker.run(done)
    assert (run["status"], run["end_reason"], run["locked_by_worker"]) == ("completed", "reconciled", None)
    assert (await asker.run(going))["status"] == "pending"
    assert any(line["event"] == "RECONCILE" and line.get("run_id") == done for line in lines)
    assert any(line["event"] == "RUN_ENDED" and line["run_id"] == done for line in lines)


async def test_reconcile_is_allowed_once_a_minute_for_each_business(rig: Rig, world: World) -> None:
    business, other = await world.business(locale="he"), await world.business()
    asker = rig.asker(business)
    first = await asker.post("/api/outbound/runs/reconcile")
    assert (first.json()["reconciled_count"], first.json()["runs"]) == (0, [])
    second = await asker.post("/api/outbound/runs/reconcile")
    assert (second.status_code, second.json()["code"]) == (429, "rate_limited")
    seconds = int(second.headers["retry-after"])
    assert 0 < seconds <= 60
    assert second.json()["error"] == messages.text("he", "rate_limited", seconds)
    assert (await rig.asker(other).post("/api/outbound/runs/reconcile")).status_code == 200
    await world.do("UPDATE businesses SET reconciled_at = reconciled_at - interval '1 min' WHERE id = $1", business)
    assert (await asker.post("/api/outbound/runs/reconcile")).status_code == 200


async def test_an_uncertain_call_is_given_up_by_hand(rig: Rig, world: World) -> None:
    business = await world.business(cap=1)
    asker = rig.asker(business)
    run_id = await asker.start(await world.leads(business, 2))
    (call,) = await world.claim(business)
    await world.do("UPDATE calls SET state = 'uncertain' WHERE id = $1", call["call_id"])
    assert (await asker.run(run_id))["waiting_for"] == "uncertain"
    before = metrics.CALLS_SETTLED.labels(how="hand")._value.get()
    path = f"/api/calls/{call['call_id']}/abandon"
    with capture_logs() as lines:
        answer = await asker.post(path)
    assert (answer.status_code, answer.json()["success"]) == (200, True)
    job = (await asker.get(f"/api/outbound/runs/{run_id}/jobs")).json()["items"][0]
    assert (job["status"], job["outcome"]) == ("failed", "uncertain")
    assert job["calls"][0]["state"] == "abandoned"
    assert metrics.CALLS_SETTLED.labels(how="hand")._value.get() == before + 1
    released = SlotReleased(business_id=business, run_id=run_id, job_id=call["job_id"], outcome="uncertain")
    assert released in rig.events
    for event in ("CALL_SETTLED", "CALL_ENDED", "SLOT_RELEASED"):
        (line,) = [line for line in lines if line["event"] == event]
        assert (line["call_id"], line["run_id"], line["outcome"]) == (call["call_id"], run_id, "uncertain")
    again = await asker.post(path)
    assert (again.status_code, again.json()["code"], again.json()["status"]) == (409, "illegal_transition", "abandoned")


async def test_only_an_uncertain_call_can_be_given_up(rig: Rig, world: World) -> None:
    business = await world.business(cap=1)
    asker = rig.asker(business)
    await asker.start(await world.leads(business, 1))
    (call,) = await world.claim(business)
    answer = await asker.post(f"/api/calls/{call['call_id']}/abandon")
    assert (answer.status_code, answer.json()["status"]) == (409, "dialing")
    assert (await asker.post("/api/calls/999999/abandon")).status_code == 404
    refused = await rig.asker(business, Role.OPERATOR).post(f"/api/calls/{call['call_id']}/abandon")
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
