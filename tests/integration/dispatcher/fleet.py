"""The whole system with several dispatchers that share partitions, and campaigns for many businesses at once."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from typing import Any

import asyncpg

from history.check import read_history
from history.options import Options
from history.report import as_text, is_clean, judge
from history.times import Times
from stack.client import Client
from stack.system import Stack, together
from tests.acceptance.waiting import eventually

TIMES = {
    "SEND_WITHIN": "8",
    "DIAL_TIMEOUT": "8",
    "SETTLE_AFTER": "0.5",
    "ABSENT_AFTER": "1",
    "MAX_CALL_SECONDS": "3600",
}
SETTINGS = {
    **TIMES,
    "CALLS_PER_SECOND": "200",
    "HEARTBEAT_INTERVAL": "0.5",
    "SWEEP_INTERVAL": "0.3",
    "LEASE_SECONDS": "60",
    "NUDGE_AFTER": "5",
    "STALE_AFTER": "600",
    "WEBHOOK_GRACE": "2",
    "SIM_CPS": "200",
    "SIM_TIME_SCALE": "100",
}
"""No lease and no deadline ends because the machine is slow."""

OTHERS = ("simulator", "api", "webhook", "reaper")
PAIR = ("dispatcher", "dispatcher2")
CALL = {"mode": "outcome", "params": {"outcome": "answered", "ring_seconds": 5, "talk_seconds": 20}}
TWIML = "<Response/>"
PATIENCE = 240.0

_numbers = itertools.count(4_000_000)


class Fleet:
    """Dispatchers in the order of their ordinals, and what they share. `more` are settings of what is started next."""

    def __init__(self, stack: Stack, pool: asyncpg.Pool) -> None:
        self.stack = stack
        self.pool = pool
        self.more: dict[str, str] = {}
        self._partitions = 1

    async def open(self, partitions: int) -> None:
        """Start whatever is no dispatcher, for so many partitions."""
        self._partitions = partitions
        await together(*(self.stack.start(name, self.settings(name)) for name in OTHERS))
        await self.stack.simulator.add_rules(CALL)

    def settings(self, name: str) -> dict[str, str]:
        """What an instance is told about the partitions and its place."""
        ordinal = {"DISPATCH_ORDINAL": str(PAIR.index(name))} if name in PAIR else {}
        return {"DISPATCH_PARTITIONS": str(self._partitions), **ordinal, **self.more}

    async def start(self, *names: str, until: str = "/readyz") -> None:
        """Start dispatchers one after the other, each of which then answers at the path `until`."""
        for name in names:
            await self.stack.start(name, self.settings(name), until=until)

    async def share_four(self) -> None:
        """Start everything, the pair with two of four partitions each."""
        await self.open(4)
        await self.start(*PAIR)
        await self.holds("dispatcher", 0, 2)
        await self.holds("dispatcher2", 1, 3)

    async def roll(self, partitions: int) -> None:
        """Restart everything with another number of partitions, one instance after the other."""
        self._partitions = partitions
        for name in (*OTHERS[1:], *reversed(PAIR)):
            await self.stack.restart(name, self.settings(name))

    async def held(self, name: str) -> set[int]:
        """The partitions whose leases this instance holds."""
        worker = self.stack.logs(name)[-1]["WORKER_ID"] if self.stack.running(name) else None
        rows = await self.pool.fetch("SELECT partition FROM dispatcher_lease WHERE holder = $1", worker)
        return {row["partition"] for row in rows}

    async def holds(self, name: str, *partitions: int) -> None:
        """Wait until an instance holds these partitions and no other, and says so."""

        async def look() -> bool:
            shown = (await self.stack.service(name).metrics())["ringfence_dispatcher_partitions"]
            return await self.held(name) == set(partitions) and shown == len(partitions)

        await eventually(look, f"{name} holds {sorted(partitions)}", timeout=PATIENCE)

    async def campaigns(self, count: int, leads: int, **limits: Any) -> list[Campaign]:
        """So many businesses, each with a run over so many new leads."""
        return list(await asyncio.gather(*(self._campaign(leads, limits) for _ in range(count))))

    async def _campaign(self, leads: int, limits: dict[str, Any]) -> Campaign:
        made = {"max_concurrent_calls": 2, "calls_per_second": 200, **limits}
        business = await self.stack.client("platform_admin").create_business("one of many", **made)
        client = self.stack.client("admin", business)
        ids = await client.add_leads([f"+97254{next(_numbers)}" for _ in range(leads)])
        run = await client.start_run(ids, twiml=TWIML)
        return Campaign(business, int(run["run_id"]), client)

    async def dialled(self, share: float) -> None:
        """Wait until so large a share of all jobs has been dialled."""

        async def look() -> bool:
            row = await self.pool.fetchrow(
                "SELECT sum(cursor_position) AS done, sum(total_leads) AS all_ FROM outbound_call_runs"
            )
            assert row is not None
            return bool(row["done"] >= share * row["all_"])

        await eventually(look, f"{share:.0%} of the jobs dialled", timeout=PATIENCE)

    async def over(self, campaigns: Sequence[Campaign]) -> None:
        """Wait until every job of every run is done, and hold the provider's ledger against the database."""
        for one in campaigns:
            shown = await one.over()
            assert (shown["status"], shown["completed"]) == ("completed", shown["total_leads"]), shown
        options = Options(
            ledger=self.stack.run.state / "ledger.jsonl",
            database=self.stack.database_url,
            times=Times.picked({**SETTINGS}),
            wait=PATIENCE,
        )
        history = await read_history(options)
        judgements = judge(history)
        assert is_clean(judgements), "\n".join(as_text(history, judgements, 5))

    def events(self, event: str, *names: str) -> list[dict[str, Any]]:
        """Every line of this event by these instances."""
        return [line for name in names or PAIR for line in self.stack.logs(name) if line["event"] == event]


class Campaign:
    """A business and its run."""

    def __init__(self, business: int, run: int, client: Client) -> None:
        self.business = business
        self.run = run
        self._client = client

    async def over(self) -> dict[str, Any]:
        """The run once it has ended."""

        async def look() -> dict[str, Any] | None:
            shown = await self._client.run(self.run)
            return shown if shown["ended_at"] else None

        return await eventually(look, f"the end of run {self.run}", timeout=PATIENCE)
