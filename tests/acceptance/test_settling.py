"""Every way in which a call of unknown fate is settled, each reached through something that the provider did.

Each test names the way by which the log says that the call was settled (`CALL_SETTLED`, `how`).
"""

from __future__ import annotations

import signal
from typing import Any

import asyncpg
import pytest

from stack.system import Stack
from tests.acceptance.business import FOR_EVER, SERVICES, Business, Run
from tests.acceptance.conftest import MakeBusiness
from tests.acceptance.waiting import eventually

UNANSWERED: dict[str, Any] = {"outcome": "busy"}
"""A call for which no voice request is made, which would tell its sid as surely as a callback."""


async def settled_by(business: Business, how: str) -> dict[str, Any]:
    """The line that tells of the settling, once it is there; nothing else settled, and the metric counts it.

    Where callbacks take long the end of a call that is known again may be fetched, which is told as a settling too.
    """
    line = await business.logged("CALL_SETTLED", how=how)
    ways = [one["how"] for one in business.events("CALL_SETTLED") if one["how"] != "fetch"]
    assert ways == [how]

    async def counted() -> bool:
        metrics = [await business.stack.service(name).metrics() for name in SERVICES]
        return sum(found.get(f'ringfence_calls_settled_total{{how="{how}"}}', 0.0) for found in metrics) >= 1

    await eventually(counted, f"the count of calls settled by {how}")
    return line


async def the_only_job(run: Run) -> dict[str, Any]:
    (job,) = await run.jobs()
    return job


async def started_in_silence(business: Business) -> Run:
    """A run of one lead whose call nobody tells of before it is over, and its create known to be uncertain."""
    await business.rule("outcome", **UNANSWERED)
    await business.rule("callback_delay", times=1, seconds=600)
    await business.rule("http_500_before_accept", match={"op": "list"})
    run = await business.start(1)
    await business.logged("CALL_UNCERTAIN")

    async def over() -> bool:
        return all(create["outcome"] for create in await run.creates())

    await eventually(over, "the end of the call")
    await business.flushed("callbacks")
    return run


async def test_a_lost_answer_is_settled_by_the_callback_whose_url_holds_the_token(business: Business) -> None:
    await business.rule("reset_after_accept", times=1)
    run = await started_in_silence(business)
    await run.over("completed", "completed")
    await settled_by(business, "callback")
    await run.judge()
    assert len(await run.creates()) == 1
    assert await the_only_job(run) | UNANSWERED | {"attempts": 1} == await the_only_job(run)


async def test_an_answer_that_holds_no_call_is_settled_by_the_callback(business: Business) -> None:
    await business.rule("bad_201", times=1)
    run = await started_in_silence(business)
    await run.over("completed", "completed")
    await settled_by(business, "callback")
    await run.judge()


async def test_an_answer_that_is_overdue_is_settled_by_the_callback(business: Business) -> None:
    await business.rule("response_delay", times=1, seconds=600)
    await business.rule("outcome", **UNANSWERED)
    await business.rule("callback_delay", times=1, seconds=600)
    await business.rule("http_500_before_accept", match={"op": "list"})
    run = await business.start(1)
    await business.logged("CALL_UNCERTAIN")
    await business.flushed("callbacks")
    await run.over("completed", "completed")
    await settled_by(business, "callback")
    await run.judge()


async def test_an_answer_that_is_recorded_late_settles_the_call_itself(
    business: Business, sql: asyncpg.Connection
) -> None:
    """Held up between the answer and its record, here by a lock: by then the reaper has taken it for lost."""
    await business.rule("response_delay", times=1, seconds=4)
    await business.rule("callback_delay", times=1, seconds=600)
    await business.rule("http_500_before_accept", match={"op": "list"})
    await business.rule("outcome", **UNANSWERED)
    run = await business.start(1)
    await run.rung(1)
    other = await asyncpg.connect(business.stack.database_url)
    async with sql.transaction():
        await sql.execute("SELECT FROM outbound_call_runs WHERE id = $1 FOR NO KEY UPDATE", run.id)
        await run.overdue(other)
        await business.logged("CALL_UNCERTAIN", service="reaper")
    await other.close()
    await business.logged("CALL_SETTLED", how="answer")
    await business.flushed("callbacks")
    await run.over("completed", "completed")
    await settled_by(business, "answer")
    await run.judge()


async def test_without_answer_and_callbacks_the_list_settles(business: Business) -> None:
    await business.rule("reset_after_accept", times=1)
    await business.rule("callback_lost", times=1)
    await business.rule("outcome", **UNANSWERED)
    run = await business.start(1)
    await run.over("completed", "completed")
    line = await settled_by(business, "list")
    await run.judge()
    (call,) = await run.placed()
    assert line["call_sid"] == call.sid
    assert (await the_only_job(run))["outcome"] == "busy"


async def test_two_lists_without_the_call_give_it_up_and_its_lead_is_rung_once_in_a_new_attempt_unless_never(
    shared_stack: Stack, make_business: MakeBusiness, sql: asyncpg.Connection
) -> None:
    allowed, never = await make_business(shared_stack), await make_business(shared_stack)
    for business in (allowed, never):
        await business.rule("reset_before_accept", times=1)
    redialled, given_up = await allowed.start(1), await never.start(1, on_uncertain="never")
    for business in (allowed, never):
        await business.logged("CALL_UNCERTAIN")
    assert (await redialled.shown())["in_progress"] == 1
    for run in (redialled, given_up):
        await run.overdue(sql)
    await redialled.over("completed", "completed")
    await settled_by(allowed, "absent")
    await redialled.judge()
    first, second = await redialled.creates()
    assert (first["carried_out"], second["carried_out"]) == (False, True)
    assert first["token"] != second["token"]
    job = await the_only_job(redialled)
    assert job["attempts"] == 2
    assert [call["state"] for call in job["calls"]] == ["abandoned", "ended"]

    shown = await given_up.over("completed", "completed")
    await settled_by(never, "absent")
    assert (shown["failed"], len(await given_up.creates())) == (1, 1)
    assert [(await the_only_job(given_up))[field] for field in ("status", "outcome")] == ["failed", "uncertain"]


@pytest.mark.parametrize(
    ("mode", "params", "how"), [("callback_delay", {"seconds": 600}, "callback"), ("callback_lost", {}, "list")]
)
async def test_the_death_of_the_dispatcher_between_commit_and_answer_is_settled_without_a_second_ring(
    business: Business, sql: asyncpg.Connection, mode: str, params: dict[str, Any], how: str
) -> None:
    """A successor that dialled what it finds in `dialing` would ring the lead twice."""
    stack = business.stack
    await business.rule("response_delay", times=1, seconds=600)
    await business.rule("outcome", **UNANSWERED)
    await business.rule(mode, times=1, **params)
    if how == "callback":
        await business.rule("http_500_before_accept", match={"op": "list"})
    run = await business.start(1)
    await run.rung(1)
    await stack.kill("dispatcher", signal.SIGKILL)
    await stack.start("dispatcher")
    await run.overdue(sql)
    await business.logged("CALL_UNCERTAIN", service="reaper")
    if how == "callback":
        await business.flushed("callbacks")
    await run.over("completed", "completed")
    await settled_by(business, how)
    assert len(await run.creates()) == 1
    await run.judge()


async def test_calls_whose_callbacks_are_lost_are_fetched(business: Business) -> None:
    await business.rule("callback_lost")
    run = await business.start(4)
    await run.over("completed", "completed")
    assert {line["how"] for line in business.events("CALL_SETTLED")} == {"fetch"}
    await run.judge()


async def test_a_call_past_its_longest_life_frees_its_slot(business: Business, sql: asyncpg.Connection) -> None:
    await business.rule("hang", times=1)
    await business.rule("http_500_before_accept", match={"op": "list"})
    run = await business.start(1)
    await business.logged("CALL_UNCERTAIN")
    await sql.execute("UPDATE calls SET expires_at = clock_timestamp() WHERE run_id = $1", run.id)
    await run.over("completed", "completed")
    await settled_by(business, "expired")
    assert [(await the_only_job(run))[field] for field in ("status", "outcome")] == ["failed", "uncertain"]
    assert len(await run.creates()) == 1


async def test_an_uncertain_call_is_given_up_by_hand(business: Business, sql: asyncpg.Connection) -> None:
    await business.rule("hang", times=1)
    await business.rule("http_500_before_accept", match={"op": "list"})
    run = await business.start(1)
    await business.logged("CALL_UNCERTAIN")
    call_id = await sql.fetchval("SELECT id FROM calls WHERE run_id = $1", run.id)
    answer = await business.client.request("POST", f"/api/calls/{call_id}/abandon")
    assert answer.status == 200
    await run.over("completed", "completed")
    await settled_by(business, "hand")
    assert (await the_only_job(run))["outcome"] == "uncertain"
    await run.quiet(2)
    assert (await business.client.request("POST", f"/api/calls/{call_id}/abandon")).status == 409


async def test_a_second_call_for_one_create_gets_a_row_of_its_own_and_is_hung_up(business: Business) -> None:
    await business.rule("two_sids", times=1)
    await business.rule("outcome", **FOR_EVER)
    run = await business.start(1)
    duplicate = await business.logged("DEDUP_CONFLICT", action="second_sid")
    first, second = await run.placed()

    async def hung_up() -> bool:
        return any(call.sid == duplicate["call_sid"] and call.ended for call in await run.placed())

    await eventually(hung_up, "the end of the second call at the provider")
    kept = first if duplicate["call_sid"] == second.sid else second
    calls = {call["call_sid"]: call for call in await run.calls()}
    assert calls[duplicate["call_sid"]]["outcome"] == "duplicate"
    assert calls[kept.sid]["ended_at"] is None
    assert (await run.shown())["in_progress"] == 1
    await run.ending("force-cancel", hangup="true")
    await run.over("cancelled", "force_cancelled")
    metrics = [await business.stack.service(name).metrics() for name in ("webhook", "dispatcher")]
    assert sum(found["ringfence_duplicate_calls_detected_total"] for found in metrics) >= 1


async def test_a_call_that_surfaces_after_it_was_given_up_is_hung_up_and_never_redialled(
    business: Business, sql: asyncpg.Connection
) -> None:
    """A create that was carried out after it was denied: the lead rings once, by the call that nobody expects."""
    await business.rule("create_late", times=1, seconds=600)
    await business.rule("outcome", **FOR_EVER)
    run = await business.start(1, on_uncertain="never")
    await business.logged("CALL_UNCERTAIN")
    await run.overdue(sql)
    await settled_by(business, "absent")
    await business.flushed("creates")
    surfaced = await business.logged("DEDUP_CONFLICT", action="surfaced")

    async def hung_up() -> bool:
        return all(call.ended for call in await run.placed())

    await eventually(hung_up, "the end of the late call at the provider")
    (call,) = await run.placed()
    assert call.sid == surfaced["call_sid"]
    await run.quiet(2)
    assert call.sid in {one["call_sid"] for one in await run.calls()}
