"""The whole system under a provider that misbehaves in every way at once, held to its ledger by the checker."""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any

import orjson

from stack.client import Client
from stack.system import Stack
from tests.conftest import MakeStack

TIMES = {"SEND_WITHIN": "2", "DIAL_TIMEOUT": "2", "SETTLE_AFTER": "0.5", "ABSENT_AFTER": "1", "MAX_CALL_SECONDS": "600"}
SETTINGS = {
    **TIMES,
    "HEARTBEAT_INTERVAL": "0.5",
    "SWEEP_INTERVAL": "0.3",
    "NUDGE_AFTER": "5",
    "STALE_AFTER": "60",
    "WEBHOOK_GRACE": "2",
    "CALLS_PER_SECOND": "100",
    "SIM_CPS": "100",
    "SIM_TIME_SCALE": "100",
    "SIM_SEED": "11",
}
LATE = 8.0
"""Seconds: longer than SEND_WITHIN + DIAL_TIMEOUT + ABSENT_AFTER, so that the attempt was given up before."""

TWIML = "<Response><Say>Hello</Say></Response>"
PATIENCE = 120.0


def struck(suffixes: str, mode: str, **params: Any) -> list[dict[str, Any]]:
    """Rules by which this befalls the first create to each number with one of these last digits."""
    return [
        {
            "match": {"to_suffix": f"{digit}"},
            "mode": mode,
            "params": params,
            "times": 2 if mode != "callback_lost" else 4,
        }
        for digit in suffixes
    ]


FAULTS = [
    *struck("0", "two_sids"),
    *struck("1", "create_late", seconds=LATE),
    *struck("2", "reset_after_accept"),
    *struck("3", "reset_before_accept"),
    *struck("4", "http_429"),
    *struck("5", "bad_201"),
    *struck("6", "geo_21215"),
    *struck("27", "callback_lost"),
    *struck("8", "callback_reorder"),
    *struck("9", "callback_duplicate"),
]


async def started(client: Client, numbers: range) -> int:
    leads = await client.add_leads([f"+9725030{number:05d}" for number in numbers])
    return int((await client.start_run(leads, twiml=TWIML))["run_id"])


async def over(client: Client, run_id: int) -> dict[str, Any]:
    """The run once it has ended."""
    async with asyncio.timeout(PATIENCE):
        while (run := await client.run(run_id))["ended_at"] is None:
            await asyncio.sleep(0.2)
    return run


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
    await stack.simulator.add_rules(*FAULTS)
    business = await stack.client("platform_admin").create_business("faulty", max_concurrent_calls=6)
    client = stack.client("admin", business)
    whole = await started(client, range(40))
    assert (await over(client, whole))["status"] == "completed"
    cut = await started(client, range(1000, 1060))
    async with asyncio.timeout(PATIENCE):
        while not (await client.run(cut))["completed"]:
            await asyncio.sleep(0.05)
    assert (await client.request("POST", f"/api/outbound_calls/jobs/{cut}/cancel")).status == 200
    actions = stack.run.state / "actions.jsonl"
    actions.write_bytes(orjson.dumps({"kind": "cancel", "run_id": cut, "answered_at": time.time()}) + b"\n")
    assert (await over(client, cut))["status"] == "cancelled"
    status, report = await judged(stack, "--actions", actions)
    assert [rule for rule in report["rules"] if rule["violated"]] == []
    assert status == 0
    assert report["creates"] > 40
    checked = {rule["rule"]: rule["checked"] for rule in report["rules"]}
    assert checked["j"] >= 4
    assert checked["i"] >= 6
