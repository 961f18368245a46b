"""The process: its settings, its end, and the ledger that outlives it."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from simulator.ledger import read_ledger
from tests.integration.simulator.rig import (
    NUMBER,
    PATIENCE,
    QUICK,
    SID,
    TOKEN,
    Client,
    Webhooks,
    eventually,
    until,
)

ROOT = Path(__file__).resolve().parents[3]


def environment(ledger: Path, **changes: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return kept | {
        "PORT": "0",
        "TWILIO_ACCOUNT_SID": SID,
        "TWILIO_AUTH_TOKEN": TOKEN,
        "TWILIO_FROM_NUMBER": NUMBER,
        "SIM_LEDGER": str(ledger),
        "SIM_TIME_SCALE": "20",
        "SIM_CPS": "1000",
        "SIM_SEED": "1",
        "SIM_OUTCOMES": json.dumps({"answered": 1, "busy": 0, "no_answer": 0, "failed": 0}),
        "SIM_TIMINGS": json.dumps(QUICK),
        **changes,
    }


@asynccontextmanager
async def process(env: dict[str, str]) -> AsyncIterator[tuple[asyncio.subprocess.Process, Client]]:
    """A simulator of its own, killed at the end if it still runs."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "simulator", cwd=ROOT, env=env, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert child.stdout is not None
        line = json.loads(await asyncio.wait_for(child.stdout.readline(), PATIENCE))
        async with aiohttp.ClientSession() as http:
            yield child, Client(line["url"], http)
    finally:
        if child.returncode is None:
            child.kill()
        await child.communicate()


async def rings(client: Client) -> dict[str, Any]:
    async def look() -> dict[str, Any] | None:
        (entry,) = await client.entries()
        return entry if "ringing" in entry["states"] else None

    return await eventually(look)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_ends_cleanly_on_a_signal(tmp_path: Path, webhooks: Webhooks, number: int) -> None:
    async with process(environment(tmp_path / "ledger")) as (child, client):
        await client.rule("outcome", params={"ring_seconds": 3600})
        await client.create(webhooks.form())
        child.send_signal(number)
        assert await asyncio.wait_for(child.wait(), PATIENCE) == 0
    (entry,) = read_ledger(tmp_path / "ledger")
    assert entry.carried_out


async def test_a_killed_simulator_knows_its_calls_again_and_ends_them(tmp_path: Path, webhooks: Webhooks) -> None:
    """When this breaks, a test that restarts the provider can no longer tell a double dial from a forgotten one."""
    env = environment(tmp_path / "ledger")
    async with process(env) as (child, client):
        await client.rule("outcome", params={"outcome": "answered", "ring_seconds": 40})
        _, call = await client.create(webhooks.form(Timeout="600"))
        await rings(client)
        child.kill()
        await child.wait()
    assert [entry.sid for entry in read_ledger(tmp_path / "ledger")] == [call["sid"]]
    async with process(env) as (child, client):
        _, again = await client.rest("GET", f"/Calls/{call['sid']}.json")
        assert again["status"] in ("ringing", "in-progress", "completed")
        (entry,) = await client.ended()
        assert (entry["sid"], entry["outcome"], entry["token"]) == (call["sid"], "completed", "t")
        await until(lambda: "completed" in webhooks.statuses())
        stats = await client.sim("GET", "/stats")
        assert (stats["calls"], stats["max_live"], stats["live"]) == (1, 1, 0)


async def test_what_is_shown_is_what_the_file_says(tmp_path: Path, webhooks: Webhooks) -> None:
    async with process(environment(tmp_path / "ledger")) as (child, client):
        for n in range(5):
            await client.create(webhooks.form(f"t{n}"))
        shown = await client.ended(5)
        child.terminate()
        await child.wait()
    read = {entry.sid: entry for entry in read_ledger(tmp_path / "ledger")}
    for entry in shown:
        assert read[entry["sid"]].outcome == entry["outcome"]
        assert list(read[entry["sid"]].states) == list(entry["states"])


async def test_a_reset_is_durable_and_what_comes_after_it_too(tmp_path: Path, webhooks: Webhooks) -> None:
    async with process(environment(tmp_path / "ledger")) as (child, client):
        await client.create(webhooks.form("before"))
        await client.sim("POST", "/reset")
        await client.create(webhooks.form("after"))
        child.kill()
        await child.wait()
    assert [entry.token for entry in read_ledger(tmp_path / "ledger")] == ["after"]


async def test_it_ends_cleanly_amid_a_hundred_calls(tmp_path: Path, webhooks: Webhooks) -> None:
    async with process(environment(tmp_path / "ledger")) as (child, client):
        for n in range(100):
            await client.create(webhooks.form(f"t{n}"))
        child.terminate()
        assert await asyncio.wait_for(child.wait(), PATIENCE) == 0
    assert len(read_ledger(tmp_path / "ledger")) == 100


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"SIM_TIME_SCALE": "0"}, "SIM_TIME_SCALE"),
        ({"SIM_RULES": "[{"}, "SIM_RULES"),
        ({"SIM_RULES": '[{"mode": "nonsense"}]'}, "SIM_RULES.0"),
        ({"TWILIO_AUTH_TOKEN": ""}, "TWILIO_AUTH_TOKEN"),
        ({"LOG_LEVEL": "LOUD"}, "LOUD"),
    ],
)
async def test_bad_settings_are_one_line_and_no_process(tmp_path: Path, changes: dict[str, str], named: str) -> None:
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "simulator",
        cwd=ROOT,
        env=environment(tmp_path / "ledger", **changes),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        _, errors = await asyncio.wait_for(child.communicate(), PATIENCE)
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    assert child.returncode == 2
    assert errors.decode().count("\n") == 1
    assert named.lower() in errors.decode().lower()
