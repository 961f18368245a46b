"""A whole campaign through the API, held against the provider's ledger, the metrics and the log."""

from __future__ import annotations

import random
from collections import Counter

from stack.system import Stack
from tests.acceptance.business import FOR_EVER, SERVICES, Business
from tests.acceptance.conftest import MakeBusiness
from tests.acceptance.waiting import eventually

LOCK_FIELDS = ("locked_by_worker", "last_heartbeat_at")


async def total(stack: Stack, *samples: str) -> float:
    """The sum of these samples over all services."""
    found = [await stack.service(name).metrics() for name in SERVICES]
    return sum(metrics.get(sample, 0.0) for metrics in found for sample in samples)


async def ended_calls(stack: Stack) -> dict[str, float]:
    """The calls that ended, by outcome, over all services."""
    counted: Counter[str] = Counter()
    for name in SERVICES:
        for sample, value in (await stack.service(name).metrics()).items():
            if sample.startswith("ringfence_calls_ended_total"):
                counted[sample.split('"')[1]] += int(value)
    return dict(counted)


async def test_a_campaign_ends_completed_and_the_api_says_what_the_ledger_says(business: Business) -> None:
    run = await business.start(30, name="thirty")
    shown = await run.over("completed", "completed")
    await run.judge()
    creates = await run.creates()
    assert sorted(entry["to"] for entry in creates) == sorted(run.leads.values())
    outcomes = Counter(job["outcome"] for job in await run.jobs())
    assert shown["completed"] == 30 - outcomes["failed"]
    assert shown["failed"] == outcomes["failed"]
    assert shown["cursor_position"] == shown["total_leads"] == 30
    assert [shown[name] for name in LOCK_FIELDS] == [None, None]
    assert (shown["can_cancel"], shown["stale"], shown["waiting_for"], shown["blocked"]) == (False, False, None, None)


async def test_every_create_carries_what_the_contract_names(business: Business) -> None:
    run = await business.start(1, ring_timeout=17)
    await run.over("completed", "completed")
    (create,) = await run.creates()
    params: dict[str, list[str]] = {}
    for name, value in create["params"]:
        params.setdefault(name, []).append(value)
    public = business.stack.url("webhook")
    assert params["Url"][0].startswith(f"{public}/webhooks/twilio/voice/{create['token']}")
    assert params["StatusCallback"][0].startswith(f"{public}/webhooks/twilio/status/{create['token']}")
    assert {"answered", "completed"} <= set(params["StatusCallbackEvent"])
    assert params["Timeout"] == ["17"]
    assert int(params["TimeLimit"][0]) > 0


async def test_jobs_are_dialled_in_the_order_of_lead_ids(shared_stack: Stack, make_business: MakeBusiness) -> None:
    business = await make_business(shared_stack, cap=1)
    leads = list((await business.leads(12)).items())
    random.Random(7).shuffle(leads)
    run = await business.start(dict(leads))
    await run.over("completed", "completed")
    assert [entry["to"] for entry in await run.creates()] == [phone for _, phone in leads]
    assert [job["lead_id"] for job in await run.jobs()] == [lead_id for lead_id, _ in leads]


async def test_the_cap_is_used_and_never_exceeded(business: Business) -> None:
    await business.rule("outcome", outcome="answered", ring_seconds=1, talk_seconds=50)
    run = await business.start(12)
    await run.over("completed", "completed")
    await run.judge()
    path = (await business.stack.simulator.stats())["max_live_by_account"]
    assert path[business.account] == 3


async def test_metrics_count_a_campaign_once_and_gauges_come_back_to_rest(business: Business) -> None:
    stack = business.stack
    started = await total(stack, "ringfence_calls_started_total")
    claimed = await total(stack, "ringfence_claimed_jobs_total")
    ended = await ended_calls(stack)
    run = await business.start(15)
    await run.over("completed", "completed")
    assert await total(stack, "ringfence_calls_started_total") - started == 15
    assert await total(stack, "ringfence_claimed_jobs_total") - claimed == 15
    outcomes = Counter(job["outcome"] for job in await run.jobs())

    async def told() -> bool:
        now = await ended_calls(stack)
        return {outcome: grown for outcome in now if (grown := now[outcome] - ended.get(outcome, 0))} == outcomes

    await eventually(told, f"{outcomes} counted, each once")


async def test_api_and_reaper_alike_show_the_campaign_in_their_gauges(business: Business) -> None:
    await business.rule("outcome", **FOR_EVER)
    gauges = ("calls_live", "slots_total", "jobs_queued", 'runs{status="running"}')

    async def both_show(*values: float) -> bool:
        found = [await business.stack.service(name).metrics() for name in ("api", "reaper")]
        return all(tuple(one[f"ringfence_{gauge}"] for gauge in gauges) == values for one in found)

    run = await business.start(4)
    await eventually(lambda: both_show(3, 3, 1, 1), "the gauges in mid-campaign")
    await run.ending("force-cancel", hangup="true")
    await eventually(lambda: both_show(0, 0, 0, 0), "the gauges at rest")


async def test_the_log_tells_a_run_from_its_start_to_its_end(business: Business) -> None:
    run = await business.start(6)
    await run.over("completed", "completed")
    ids = {"business_id": business.id, "run_id": run.id}
    await business.logged("RUN_ENDED", run_id=run.id)

    async def all_told() -> bool:
        return all(len(business.events(event, run_id=run.id)) >= 6 for event in ("CALL_ENDED", "SLOT_RELEASED"))

    await eventually(all_told, "the end of every call in the log")
    (adopted,) = business.events("OUTBOUND_CONSUMER_START", "dispatcher", run_id=run.id)
    assert adopted["consumer_source"] in ("rabbitmq", "heartbeat")
    started = business.events("CALL_STARTED", "dispatcher", run_id=run.id)
    ended = business.events("CALL_ENDED", run_id=run.id)
    released = business.events("SLOT_RELEASED", run_id=run.id)
    calls = {(job["job_id"], call["call_sid"]): call for job in await run.jobs() for call in job["calls"]}
    for lines in (started, ended, released):
        assert sorted((line["job_id"], line["call_sid"]) for line in lines) == sorted(calls)
    assert {(line["job_id"], line["call_sid"]): line["outcome"] for line in ended} == {
        key: call["outcome"] for key, call in calls.items()
    }
    (over,) = business.events("RUN_ENDED", run_id=run.id)
    assert over["status"] == "completed"
    for line in (adopted, *started, *ended, *released, over):
        assert ids.items() <= line.items()
        assert {"ts", "level", "event", "service", "WORKER_ID"} <= line.keys()
    for name in SERVICES:
        assert (await business.stack.logged(name, "WORKER_START"))["service"] == name


async def test_a_run_of_leads_never_rung_takes_up_where_a_stopped_one_ended(business: Business) -> None:
    await business.rule("outcome", outcome="answered", ring_seconds=1, talk_seconds=200)
    run = await business.start(10)
    await run.rung(4)
    assert (await run.ending("stop"))[0] == 200
    await run.over("stopped", "stopped")
    rung = {entry["to"] for entry in await run.creates()}
    rest = {lead_id: phone for lead_id, phone in run.leads.items() if phone not in rung}
    body = {"from_run": run.id, "twiml": "<Response/>"}
    answer = await business.client.request("POST", "/api/outbound_calls/start", json=body)
    assert answer.status == 201
    assert (answer.body["queued"], answer.body["total_leads"]) == (len(rest), len(rest))
    again = type(run)(business, answer.body["run_id"], rest)
    await again.over("completed", "completed")
    assert [job["lead_id"] for job in await again.jobs()] == list(rest)
    await again.judge()
    assert sorted(call.to for call in await business.placed()) == sorted(run.leads.values())
