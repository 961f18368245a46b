"""Every way in which a create can end, and what becomes of the call, its job, its run and its account."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from tests.integration.dispatcher.conftest import MakeRig
from tests.integration.dispatcher.rig import CLAIMS, STARTED, Rig

Counted = Callable[[str], Awaitable[float]]

UNCERTAIN = [
    {"mode": "http_500_after_accept"},
    {"mode": "http_500_before_accept"},
    {"mode": "http_502_before_accept", "params": {"html": True}},
    {"mode": "http_503_after_accept"},
    {"mode": "reset_after_accept"},
    {"mode": "reset_before_accept"},
    {"mode": "bad_201", "params": {"form": "empty"}},
    {"mode": "bad_201", "params": {"form": "truncated"}},
    {"mode": "bad_201", "params": {"form": "cut"}},
    {"mode": "bad_201", "params": {"form": "html"}},
    {"mode": "error", "params": {"code": 20500, "status": 500}},
]
NEVER_NOW = [
    ({"mode": "bad_credentials"}, "20003"),
    ({"mode": "account_suspended"}, "20005"),
    ({"mode": "error", "params": {"code": 10001, "status": 400}}, "10001"),
    ({"mode": "http_429"}, "20429"),
    ({"mode": "http_429", "params": {"rfc9457": True}}, "20429"),
    ({"mode": "concurrency_10004"}, "10004"),
    ({"mode": "queue_full_22005"}, "22005"),
]


def result(klass: str) -> str:
    return f'ringfence_create_results_total{{class="{klass}"}}'


@pytest.fixture
async def rig(shared_rig: Rig) -> AsyncIterator[Rig]:
    """One live dispatcher for all answers, its account as new for each."""
    yield shared_rig
    await shared_rig.forgive()


@pytest.fixture
async def one_by_one(rig: Rig) -> int:
    """A business that rings one lead at a time."""
    return await rig.business(cap=1)


@pytest.fixture
async def counted(rig: Rig) -> Counted:
    """How much a metric has grown since the test began."""
    before = await rig.stack.service("dispatcher").metrics()

    async def grown(name: str) -> float:
        return await rig.metric(name) - before.get(name, 0.0)

    return grown


def told_of(rig: Rig, event: str, run: int) -> list[dict[str, Any]]:
    return [line for line in rig.events(event) if line.get("run_id") == run]


async def test_an_accepted_create_makes_the_call_known_by_its_sid(rig: Rig, one_by_one: int, counted: Counted) -> None:
    run = await rig.run(one_by_one, 1, publish=True)
    await rig.in_progress(run, 1)
    (entry,) = await rig.entries(run)
    row = await rig.pool.fetchrow(
        "SELECT c.*, j.twilio_call_sid, r.cursor_position, r.status AS run_status FROM calls c"
        " JOIN outbound_call_jobs j ON j.id = c.job_id JOIN outbound_call_runs r ON r.id = c.run_id"
        " WHERE c.run_id = $1",
        run,
    )
    assert row is not None
    assert row["call_sid"] == row["twilio_call_sid"] == entry["sid"]
    assert str(row["dial_token"]) == entry["token"]
    assert (row["state"], row["cursor_position"], row["run_status"]) == ("accepted", 1, "running")
    assert await counted(result("accepted")) == 1


@pytest.mark.parametrize("rule", UNCERTAIN, ids=lambda rule: f"{rule['mode']}-{rule.get('params', '')}")
async def test_an_answer_that_may_hide_a_call_leaves_it_uncertain_with_its_slot_held(
    rig: Rig, one_by_one: int, counted: Counted, rule: dict[str, Any]
) -> None:
    await rig.stack.simulator.once(rule)
    run = await rig.run(one_by_one, 2, publish=True)

    async def uncertain() -> bool:
        return await rig.states(run) == {"uncertain": 1}

    await rig.until(uncertain, "uncertain")
    assert await settled(counted) == 1, "its slot is held and its job is not dialled again"
    assert await rig.statuses(run) == {"dialing": 1, "queued": 1}
    assert await counted(result("ambiguous")) == 1
    assert len(told_of(rig, "CALL_UNCERTAIN", run)) == 1


async def test_a_create_that_is_never_answered_becomes_uncertain_after_its_time(
    make_rig: MakeRig,
) -> None:
    rig = await make_rig({"DIAL_TIMEOUT": "1"})
    await rig.stack.simulator.once({"mode": "hang", "params": {"accept": True}})
    business = await rig.business(cap=1)
    run = await rig.run(business, 1, publish=True)

    async def uncertain() -> bool:
        return await rig.states(run) == {"uncertain": 1}

    await rig.until(uncertain, "uncertain")
    await rig.nobody_twice()


@pytest.mark.parametrize(("code", "status"), [(21211, 400), (21216, 403), (21215, 400), (29999, 400)])
async def test_a_number_that_is_refused_fails_its_job_and_the_run_goes_on(
    rig: Rig, one_by_one: int, counted: Counted, code: int, status: int
) -> None:
    await rig.stack.simulator.once({"mode": "error", "params": {"code": code, "status": status}})
    run = await rig.run(one_by_one, 2, publish=True)
    await rig.in_progress(run, 1)
    row = await rig.pool.fetchrow("SELECT * FROM outbound_call_jobs WHERE run_id = $1 AND status = 'failed'", run)
    assert row is not None
    assert (row["outcome"], row["error_code"]) == ("rejected", str(code))
    assert await counted(result("number_rejected")) == 1
    assert await counted('ringfence_calls_ended_total{outcome="rejected"}') == 1
    assert [line["error_code"] for line in told_of(rig, "CALL_ENDED", run)] == [str(code)]


@pytest.mark.parametrize("code", [21210, 21212])
async def test_a_refused_caller_id_fails_the_run_and_dials_nobody_else(
    rig: Rig, one_by_one: int, counted: Counted, code: int
) -> None:
    await rig.stack.simulator.once({"mode": "error", "params": {"code": code, "status": 400}})
    run = await rig.run(one_by_one, 5, publish=True)

    async def failed() -> bool:
        return await rig.status_of(run) == "failed"

    await rig.until(failed, "the run has failed")
    assert await rig.pool.fetchval("SELECT end_reason FROM outbound_call_runs WHERE id = $1", run) == f"twilio:{code}"
    rows = await rig.pool.fetch("SELECT outcome FROM outbound_call_jobs WHERE run_id = $1 ORDER BY id", run)
    assert [row["outcome"] for row in rows] == ["rejected", *["not_dialed"] * 4]
    assert await settled(counted) == 1
    assert told_of(rig, "RUN_ENDED", run)[0]["status"] == "failed"
    other = await rig.run(one_by_one, 1, publish=True)
    await rig.in_progress(other, 1)


@pytest.mark.parametrize(("rule", "code"), NEVER_NOW, ids=str)
async def test_a_refusal_of_the_account_blocks_it_keeps_the_jobs_and_ends_by_itself(
    rig: Rig, one_by_one: int, counted: Counted, rule: dict[str, Any], code: str
) -> None:
    (rule_id,) = await rig.stack.simulator.add_rules(rule)
    run = await rig.run(one_by_one, 3, publish=True)

    async def blocked() -> bool:
        return bool(await rig.pool.fetchval("SELECT blocked_code = $1 FROM accounts WHERE is_shared", code))

    await rig.until(blocked, "the account is blocked")
    assert await rig.statuses(run) in ({"queued": 3}, {"queued": 2, "dialing": 1})
    assert await rig.status_of(run) == "running"
    await rig.stack.simulator.remove_rules(rule_id)
    await rig.in_progress(run, 1)
    assert await rig.pool.fetchval("SELECT blocked_code FROM accounts WHERE is_shared") is None

    async def told() -> bool:
        return [line["action"] for line in told_of(rig, "ACCOUNT_BREAKER", run)] == ["opened", "closed"]

    await rig.until(told, "the breaker's two changes are logged")
    attempts = await rig.pool.fetch("SELECT attempts FROM outbound_call_jobs WHERE run_id = $1 ORDER BY id", run)
    assert [row["attempts"] for row in attempts] == [1, 0, 0], "a refused attempt counts for nothing"


async def test_retry_after_is_waited_for(rig: Rig, one_by_one: int, counted: Counted) -> None:
    await rig.stack.simulator.once({"mode": "http_429", "params": {"retry_after": 3}})
    run = await rig.run(one_by_one, 1, publish=True)
    await rig.in_progress(run, 1)
    refused, accepted = await rig.entries(run)
    assert refused["answer_status"] == 429
    assert accepted["mono"] - refused["mono"] >= 2.9
    await rig.nobody_twice()


async def test_a_provider_that_is_down_is_probed_ever_less_and_costs_few_claims(rig: Rig, counted: Counted) -> None:
    business = await rig.business(cap=5)
    await rig.stack.stop("simulator")
    began = time.monotonic()
    run = await rig.run(business, 10, publish=True)

    async def refused() -> bool:
        return await counted(result("not_sent")) >= 8

    await rig.until(refused, "the first creates and some probes were refused")
    seconds = time.monotonic() - began
    claims = await counted(CLAIMS)
    assert claims < 20 + 6 * seconds, f"{claims} claims in {seconds:.1f} s"
    assert await counted(STARTED) == 0, "what was not sent has not started"
    assert (await rig.statuses(run))["queued"] >= 9
    await rig.stack.start("simulator")
    await rig.in_progress(run, 5)
    await rig.nobody_twice()


async def test_three_uncertain_creates_in_a_row_let_only_probes_out(rig: Rig, counted: Counted) -> None:
    (rule_id,) = await rig.stack.simulator.add_rules({"mode": "http_500_before_accept"})
    business = await rig.business(cap=200, rate=5)
    run = await rig.run(business, 60, publish=True)

    async def open_() -> bool:
        return await rig.pool.fetchval("SELECT blocked_code FROM accounts WHERE is_shared") is not None

    await rig.until(open_, "the breaker is open")
    now = "SELECT clock_timestamp()"
    await rig.set_account(retry_at=await rig.pool.fetchval(f"{now} + interval '1 h'"))
    at_opening = await settled(counted)
    assert 3 <= at_opening <= 15, "those under way and few more, of 60"
    assert await settled(counted, still=2.0) == at_opening
    await rig.set_account(retry_at=await rig.pool.fetchval(now))

    async def probed() -> bool:
        return await counted(STARTED) > at_opening

    await rig.until(probed, "a probe")
    assert await settled(counted) == at_opening + 1, "one probe, alone"
    await rig.stack.simulator.remove_rules(rule_id)
    await rig.set_account(retry_at=await rig.pool.fetchval(now))

    async def goes_on() -> bool:
        return (await rig.statuses(run))["in_progress"] >= 5

    await rig.until(goes_on, "dialling goes on")
    await rig.nobody_twice()


async def settled(counted: Counted, still: float = 0.8) -> float:
    """How many creates were sent, once no more are."""
    value, since = await counted(STARTED), time.monotonic()
    while time.monotonic() - since < still:
        await asyncio.sleep(0.1)
        if (now := await counted(STARTED)) != value:
            value, since = now, time.monotonic()
    return value
