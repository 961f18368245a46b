"""What a campaign shows: metrics and log lines by their names, and nothing that nobody should read."""

from __future__ import annotations

import re

from shared.events import SlotReleased
from tests.integration.dispatcher.conftest import MakeRig
from tests.integration.dispatcher.rig import Rig

RULES = [
    {"mode": "http_500_after_accept", "match": {"nth": 2}},
    {"mode": "error", "params": {"code": 21211, "status": 400}, "match": {"nth": 3}},
    {"mode": "http_429", "match": {"nth": 4}},
]


async def campaign(rig: Rig) -> int:
    """Ten leads with every kind of trouble, each ended call told to the broker."""
    await rig.stack.simulator.add_rules(*RULES)
    business = await rig.business(cap=2)
    run = await rig.run(business, 10, publish=True)

    async def over() -> bool:
        if await rig.end_calls(run):
            await rig.publish(SlotReleased(business_id=business, run_id=run, job_id=1))
        if (await rig.statuses(run))["queued"]:
            return False
        return not {"dialing", "accepted"} & set(await rig.states(run))

    await rig.until(over, "the campaign is over", timeout=180)
    return run


async def test_a_campaign_is_counted_and_told_and_shows_no_number_token_or_secret(make_rig: MakeRig) -> None:
    rig = await make_rig()
    run = await campaign(rig)
    metrics = await rig.stack.service("dispatcher").metrics()
    classes = {klass: metrics[f'ringfence_create_results_total{{class="{klass}"}}'] for klass in CLASSES}
    assert classes == {"accepted": 8, "ambiguous": 1, "number_rejected": 1, "throttled": 1}
    assert metrics["ringfence_calls_started_total"] == 11
    assert metrics["ringfence_claimed_jobs_total"] == 11
    assert metrics["ringfence_dial_seconds_count"] == 11
    assert metrics["ringfence_claim_seconds_count"] >= 6
    assert metrics["ringfence_slot_turnaround_seconds_count"] >= 4
    assert metrics["ringfence_dispatcher_active"] == 1
    assert metrics["ringfence_dispatcher_epoch"] == 1
    assert metrics['ringfence_dependency_up{name="database"}'] == 1
    assert metrics['ringfence_dependency_up{name="broker"}'] == 1
    lines = rig.stack.logs("dispatcher")
    assert {"ts", "level", "event", "service", "WORKER_ID"} <= set.intersection(*(set(line) for line in lines))
    assert {line["service"] for line in lines} == {"dispatcher"}
    started = rig.events("CALL_STARTED")
    assert len(started) == 11
    assert all(line["run_id"] == run and line["lock_acquired"] is True for line in started)
    assert {line["consumer_source"] for line in started} <= {"rabbitmq", "heartbeat", "takeover"}
    assert [line["run_id"] for line in rig.events("OUTBOUND_CONSUMER_START")] == [run]
    assert len(rig.events("LEASE_TAKEN")) == len(rig.events("WORKER_START")) == 1
    await nothing_to_hide(rig)


CLASSES = ("accepted", "ambiguous", "number_rejected", "throttled")


async def nothing_to_hide(rig: Rig) -> None:
    log = rig.stack.service("dispatcher").child.log.read_text()
    shown = log + repr(await rig.stack.service("dispatcher").metrics()) + repr(await rig.ready())
    phones = [row["phone"] for row in await rig.pool.fetch("SELECT phone FROM leads")]
    tokens = [str(row["dial_token"]) for row in await rig.pool.fetch("SELECT dial_token FROM calls")]
    secrets = [value for name, value in rig.stack.secrets.items() if name != "TWILIO_ACCOUNT_SID"]
    passwords = re.findall(r"://[^:]+:([^@]+)@", f"{rig.stack.database_url} {rig.stack.amqp_url}")
    hidden = [*(phone.removeprefix("+") for phone in phones), *tokens, *secrets, *passwords]
    assert len(hidden) > 25
    assert [word for word in hidden if word in shown] == []
    busy = [line for line in log.splitlines() if '"ADVANCED"' in line]
    assert busy, "the campaign was logged down to its steps"
