"""The whole system under a provider that misbehaves in every way at once, held to its ledger by the checker."""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any

import orjson

from stack.client import Client
from stack.system import Stack
from tests.acceptance.waiting import eventually
from tests.conftest import MakeStack

TIMES = {"SEND_WITHIN": "6", "DIAL_TIMEOUT": "8", "SETTLE_AFTER": "0.5", "ABSENT_AFTER": "2", "MAX_CALL_SECONDS": "600"}
SETTINGS = {
    **TIMES,
    "HEARTBEAT_INTERVAL": "0.5",
    "SWEEP_INTERVAL": "0.3",
    "NUDGE_AFTER": "5",
    "STALE_AFTER": "600",
    "WEBHOOK_GRACE": "2",
    "CALLS_PER_SECOND": "100",
    "SIM_CPS": "100",
    "SIM_TIME_SCALE": "100",
    "SIM_SEED": "11",
}
LATE = 3600.0
"""Seconds: until somebody says that it is time, which is when the attempt was given up."""

FOR_LONG = {"mode": "outcome", "params": {"outcome": "answered", "ring_seconds": 1, "talk_seconds": 500}}
TWIML = "<Response><Say>Hello</Say></Response>"
PATIENCE = 240.0


FAULTS: dict[int, tuple[dict[str, Any], ...]] = {
    1: ({"mode": "two_sids"},),
    3: ({"mode": "create_late", "params": {"seconds": LATE}}, FOR_LONG),
    7: ({"mode": "reset_after_accept"}, {"mode": "callback_lost"}),
    11: ({"mode": "http_429"},),
    15: ({"mode": "reset_before_accept"},),
    18: ({"mode": "geo_21215"},),
    19: ({"mode": "callback_lost"},),
    23: ({"mode": "bad_201"},),
    26: ({"mode": "callback_reorder"},),
    27: ({"mode": "callback_duplicate"}, {"mode": "callback_first"}),
    31: ({"mode": "create_late", "params": {"seconds": LATE}}, FOR_LONG),
    35: ({"mode": "two_sids"},),
}
"""What befalls the first create to which number; far enough apart that the account's breaker stays closed."""


def phone(number: int) -> str:
    return f"+9725030{number:05d}"


def rules() -> list[dict[str, Any]]:
    struck = [(number, fault) for number, faults in FAULTS.items() for fault in faults]
    return [{"match": {"to": phone(number)}, "times": 1, **fault} for number, fault in struck]


async def started(client: Client, numbers: range) -> int:
    leads = await client.add_leads([phone(number) for number in numbers])
    return int((await client.start_run(leads, twiml=TWIML))["run_id"])


async def over(client: Client, run_id: int) -> dict[str, Any]:
    """The run once it has ended."""

    async def look() -> dict[str, Any] | None:
        run = await client.run(run_id)
        return run if run["ended_at"] else None

    return await eventually(look, f"the end of run {run_id}", timeout=PATIENCE)


async def begun(client: Client, run_id: int) -> None:
    """Return when a call of the run has ended."""

    async def look() -> bool:
        return bool((await client.run(run_id))["completed"])

    await eventually(look, f"a call of run {run_id}", timeout=PATIENCE)


async def given_up(client: Client, run_id: int, numbers: set[str]) -> None:
    """Return when an attempt to ring each of these numbers was given up."""

    async def look() -> bool:
        jobs = await client.jobs(run_id)
        return numbers <= {job["phone"] for job in jobs if any(call["state"] == "abandoned" for call in job["calls"])}

    await eventually(look, f"the end of attempts to ring {sorted(numbers)}", timeout=PATIENCE)


async def judged(stack: Stack, *more: object) -> tuple[int | None, dict[str, Any]]:
    """What the checker, as a program of its own, says of this system's ledger and database when all is at rest."""
    arguments = ["--ledger", stack.run.state / "ledger.jsonl", "--database", stack.database_url]
    settings = [f"{name}={value}" for name, value in TIMES.items()]
    options = ["--wait", PATIENCE, "--patience", 1, "--json", "--settings", *settings]
    program = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "history", *(str(one) for one in (*arguments, *options, *more))),
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await asyncio.wait_for(program.communicate(), 2 * PATIENCE)
    return program.returncode, orjson.loads(out)


async def test_a_campaign_through_every_fault_breaks_no_rule(make_stack: MakeStack) -> None:
    """The one promise of the system, told by the provider: whatever it did wrong, nobody was rung twice by us."""
    stack = await make_stack(settings=SETTINGS)
    await stack.simulator.add_rules(*rules())
    business = await stack.client("platform_admin").create_business("faulty", max_concurrent_calls=6)
    client = stack.client("admin", business)
    whole = await started(client, range(40))
    late = {number for number, faults in FAULTS.items() if faults[0]["mode"] == "create_late"}
    await given_up(client, whole, {phone(number) for number in late})
    assert await stack.simulator.ask("POST", "creates/flush") == {"flushed": len(late)}
    assert (await over(client, whole))["status"] == "completed"
    cut = await started(client, range(1000, 1060))
    await begun(client, cut)
    assert (await client.request("POST", f"/api/outbound_calls/jobs/{cut}/cancel")).status == 200
    actions = stack.run.state / "actions.jsonl"
    actions.write_bytes(orjson.dumps({"kind": "cancel", "run_id": cut, "answered_at": time.time()}) + b"\n")
    assert (await over(client, cut))["status"] == "cancelled"
    status, report = await judged(stack, "--actions", actions)
    assert [rule for rule in report["rules"] if rule["violated"]] == []
    assert status == 0
    assert report["creates"] > 40
    checked = {rule["rule"]: rule["checked"] for rule in report["rules"]}
    assert checked["i"] >= 4, "two late creates, a reset one and a throttled one were dialled again"
    assert checked["j"] >= 6, "two second sids and a late call were made and reported"
