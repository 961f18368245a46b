"""What the tests of the dispatcher share: a live process, the provider, and hands on the database and the broker.

There is no webhook here: a call goes on until the test ends it, so every claim can be told from what caused it.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import asyncpg
import orjson

from shared.broker import Publisher
from shared.events import Event, RunCreated
from stack.system import Stack

QUICK = {
    "CALLS_PER_SECOND": "1000",
    "SIM_CPS": "1000",
    "HEARTBEAT_INTERVAL": "0.5",
    "SEND_WITHIN": "30",
    "DIAL_TIMEOUT": "120",
    "LOG_LEVEL": "DEBUG",
}
"""What a slow machine must not bring about is far away; a test that is about a limit sets its own."""

BY_HINT = {**QUICK, "HEARTBEAT_INTERVAL": "3600", "NUDGE_AFTER": "7200", "STALE_AFTER": "14400"}
"""A beat so slow that within a test only hints cause a look, after the one at takeover."""

PATIENCE = 180.0
CLAIMS = "ringfence_claim_seconds_count"
STARTED = "ringfence_calls_started_total"


class Rig:
    """A system without a webhook and without a reaper, and what a test does to it."""

    def __init__(self, stack: Stack, pool: asyncpg.Pool, publisher: Publisher) -> None:
        self.stack = stack
        self.pool = pool
        self._publisher = publisher
        self._phones = 0

    async def business(self, cap: int = 50, rate: float = 1000, **columns: Any) -> int:
        """A business; further columns as they stand in the table."""
        names = ["name", "max_concurrent_calls", "calls_per_second", *columns]
        holders = ", ".join(f"${n}" for n in range(1, len(names) + 1))
        statement = f"INSERT INTO businesses ({', '.join(names)}) VALUES ({holders}) RETURNING id"
        return int(await self.pool.fetchval(statement, "a business", cap, rate, *columns.values()))

    async def run(self, business_id: int, leads: int, *, publish: bool = False, **fields: Any) -> int:
        """A run over new leads, as the API starts one; told to the broker only if asked."""
        run_id = await self.start_run(business_id, await self.leads(business_id, leads), **fields)
        if publish:
            await self.publish(run_created(business_id, run_id))
        return run_id

    async def leads(self, business_id: int, count: int) -> list[int]:
        phones = [f"+97250{self._phones + n:07d}" for n in range(1_000_000, 1_000_000 + count)]
        self._phones += count
        rows = await self.pool.fetch(
            "INSERT INTO leads (business_id, phone) SELECT $1, unnest($2::text[]) RETURNING id", business_id, phones
        )
        return [row["id"] for row in rows]

    async def start_run(self, business_id: int, lead_ids: list[int], **fields: Any) -> int:
        row = await self.pool.fetchrow(
            "SELECT * FROM ringfence_start_run($1, $2, NULL, $3::jsonb, 'test', NULL, NULL)",
            business_id,
            lead_ids,
            orjson.dumps({"twiml": "<Response/>", **fields}).decode(),
        )
        assert row is not None
        assert row["verdict"] == "done"
        return int(row["run_id"])

    async def publish(self, event: Event) -> None:
        await self._publisher.publish(event, PATIENCE)

    async def end_calls(self, run_id: int, *, outcome: str = "answered", most: int = 1000) -> int:
        """End live calls of a run as a terminal callback would, without telling anybody; how many."""
        async with self.pool.acquire() as connection, connection.transaction():
            calls = await connection.fetchval(
                "SELECT coalesce(array_agg(id), '{}') FROM (SELECT id FROM calls WHERE run_id = $1 AND ended_at IS NULL"
                " AND call_sid IS NOT NULL ORDER BY id LIMIT $2) x",
                run_id,
                most,
            )
            await connection.execute("SELECT ringfence_lock_calls($1)", calls)
            for call in calls:
                await connection.execute(
                    "SELECT ringfence_close_call($1, 'ended', $2, NULL, NULL, 'callback')", call, outcome
                )
            await connection.execute("SELECT ringfence_finish_run($1)", run_id)
            return len(calls)

    async def statuses(self, run_id: int) -> Counter[str]:
        """How many jobs of a run stand where."""
        rows = await self.pool.fetch("SELECT status FROM outbound_call_jobs WHERE run_id = $1", run_id)
        return Counter(row["status"] for row in rows)

    async def states(self, run_id: int) -> Counter[str]:
        """How many calls of a run are in which state."""
        rows = await self.pool.fetch("SELECT state FROM calls WHERE run_id = $1", run_id)
        return Counter(row["state"] for row in rows)

    async def status_of(self, run_id: int) -> str:
        return str(await self.pool.fetchval("SELECT status FROM outbound_call_runs WHERE id = $1", run_id))

    async def set_account(self, **columns: Any) -> None:
        """Change the shared account's row."""
        for name, value in columns.items():
            await self.pool.execute(f"UPDATE accounts SET {name} = $1 WHERE is_shared", value)

    async def forgive(self) -> None:
        """End every run, free every slot, remove every rule, and let the shared account be as new."""
        await self.stack.simulator.remove_rules()
        await self.pool.execute("UPDATE outbound_call_runs SET cancel_requested = true WHERE ended_at IS NULL")
        await self.pool.execute(
            "UPDATE calls SET state = 'abandoned', ended_at = now(), next_check_at = NULL WHERE ended_at IS NULL"
        )
        await self.pool.execute(
            "UPDATE accounts SET blocked_code = NULL, blocked_since = NULL, retry_at = NULL, refusals = 0,"
            " ambiguous_in_a_row = 0"
        )

    async def metric(self, name: str, of: str = "dispatcher") -> float:
        return (await self.stack.service(of).metrics()).get(name, 0.0)

    async def ready(self, of: str = "dispatcher") -> tuple[int, dict[str, Any]]:
        """What an instance says at `/readyz`."""
        async with aiohttp.ClientSession() as session, session.get(f"{self.stack.url(of)}/readyz") as answer:
            return answer.status, await answer.json()

    async def rung(self) -> list[dict[str, Any]]:
        """The calls that the provider carried out, oldest first."""
        entries = await self.stack.simulator.ledger()
        return [entry for entry in entries if entry["carried_out"] and not entry["foreign"]]

    async def entries(self, run_id: int) -> list[dict[str, Any]]:
        """Everything that the provider was asked for on behalf of one run, oldest first."""
        rows = await self.pool.fetch("SELECT dial_token FROM calls WHERE run_id = $1", run_id)
        tokens = {str(row["dial_token"]) for row in rows}
        return [entry for entry in await self.stack.simulator.ledger() if entry["token"] in tokens]

    async def nobody_twice(self) -> None:
        """The provider has rung no number and carried out no token twice."""
        rung = await self.rung()
        twice = [count for field in ("to", "token") for count in Counter(entry[field] for entry in rung).values()]
        assert max(twice, default=1) == 1

    async def in_progress(self, run_id: int, count: int, *, timeout: float = PATIENCE) -> None:
        """Wait until so many jobs of a run have a call that the provider accepted."""
        await self.until(self.counted(run_id, "in_progress", count), f"{count} calls in progress", timeout=timeout)

    def counted(self, run_id: int, status: str, count: int) -> Callable[[], Awaitable[bool]]:
        async def check() -> bool:
            return (await self.statuses(run_id))[status] == count

        return check

    async def until(self, check: Callable[[], Awaitable[bool]], what: str, *, timeout: float = PATIENCE) -> float:
        """Wait until it is so; how many seconds that took."""
        began = time.monotonic()
        while not await check():
            assert time.monotonic() - began < timeout, f"not within {timeout:g} s: {what}"
            await asyncio.sleep(0.02)
        return time.monotonic() - began

    async def active(self, *names: str) -> list[str]:
        """Which of these instances say that they hold the lease."""
        return [name for name in names if await self.metric("ringfence_dispatcher_active", name) == 1]

    async def settled(self, name: str, *, of: str = "dispatcher", still: float = 1.0) -> float:
        """The value of a metric once it has not changed for a while."""
        value = await self.metric(name, of)
        since = time.monotonic()
        while time.monotonic() - since < still:
            await asyncio.sleep(0.1)
            if (now := await self.metric(name, of)) != value:
                value, since = now, time.monotonic()
        return value

    async def answered(self) -> None:
        """Let the provider give the answers that it holds back, once it holds back any."""

        async def flushed() -> bool:
            return bool((await self.stack.simulator.ask("POST", "answers/flush"))["flushed"])

        await self.until(flushed, "an answer that the provider held back")

    def events(self, event: str, of: str = "dispatcher") -> list[dict[str, Any]]:
        return [line for line in self.stack.logs(of) if line.get("event") == event]


def run_created(business_id: int, run_id: int) -> Event:
    return RunCreated(business_id=business_id, run_id=run_id)


def measured(what: str, value: float) -> None:
    """Show a figure with `pytest -rP`; no test depends on it beyond its own generous limit."""
    sys.stdout.write(f"measured: {what}: {value:.3f}\n")
