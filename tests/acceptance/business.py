"""A business and its runs as an acceptance test sees them: the API on one side, the provider's ledger on the other.

Rules: nothing here reads the database; what a run did is told by the provider's record of its account, which no
other test uses.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from stack.client import Client
from stack.ledger import PlacedCall, disagreements, most_at_once, placed_calls
from stack.system import Stack
from tests.acceptance.waiting import PATIENCE, eventually

SERVICES = ("api", "webhook", "dispatcher", "reaper")
TWIML = "<Response><Say>Hello</Say></Response>"
FOR_EVER: dict[str, Any] = {"outcome": "answered", "ring_seconds": 1, "talk_seconds": 85_000}
"""A call that lasts until somebody ends it, or for seven minutes at two hundred times the speed of life."""

_numbers = itertools.count(3_000_000)

Entry = dict[str, Any]


@dataclass(frozen=True)
class Account:
    """An account at the provider with one number to call from."""

    sid: str
    auth_token: str = field(repr=False)
    from_number: str


@dataclass
class Business:
    """A business, its admin, and the account that rings for it; `account` is the shared one's sid where it has none."""

    stack: Stack
    id: int
    account: str
    cap: int
    client: Client
    numbers: set[str] = field(default_factory=set)
    _rules: list[str] = field(default_factory=list)

    async def leads(self, count: int) -> dict[int, str]:
        """New leads, each with a number of its own, in the order of their ids."""
        phones = [f"+97252{next(_numbers)}" for _ in range(count)]
        self.numbers.update(phones)
        return dict(zip(await self.client.add_leads(phones), phones, strict=True))

    async def start(self, leads: int | dict[int, str], **fields: Any) -> Run:
        """A run over these leads, or over so many new ones."""
        ring = await self.leads(leads) if isinstance(leads, int) else leads
        started = await self.client.start_run(list(ring), **{"twiml": TWIML, **fields})
        assert started["status"] == "pending"
        return Run(self, started["run_id"], ring)

    async def rule(self, mode: str, *, times: int | None = None, match: Entry | None = None, **params: Any) -> None:
        """Let the provider misbehave towards this business's account."""
        rule = {"mode": mode, "match": {"account": self.account, **(match or {})}, "params": params}
        self._rules += await self.stack.simulator.add_rules({**rule, "times": times} if times else rule)

    async def behave(self) -> None:
        """Let the provider behave again."""
        for rule in self._rules:
            await self.stack.simulator.remove_rules(rule)
        self._rules.clear()

    async def flushed(self, what: str) -> None:
        """Let the provider do now what it held back, `callbacks` or `creates`, once it holds back any."""

        async def look() -> int:
            return int((await self.stack.simulator.ask("POST", f"{what}/flush"))["flushed"])

        await eventually(look, f"{what} that the provider held back")

    @asynccontextmanager
    async def speed(self, scale: float) -> AsyncIterator[None]:
        """The provider's time runs so many times as fast as life within the block."""
        usual = (await self.stack.simulator.stats())["scale"]
        await self.stack.simulator.set_scale(scale)
        try:
            yield
        finally:
            await self.stack.simulator.set_scale(usual)

    async def entries(self) -> list[Entry]:
        """What the provider was asked for this business: the creates to its leads' numbers, on its account."""
        entries = await self.stack.simulator.ledger(account=self.account)
        return [entry for entry in entries if entry["to"] in self.numbers]

    async def placed(self) -> list[PlacedCall]:
        """The calls that the provider carried out for this business, oldest first."""
        return sorted(placed_calls(await self.entries()), key=lambda call: call.asked)

    def events(self, event: str, service: str | None = None, **fields: Any) -> list[Entry]:
        """The lines of this event about this business, of one service or of all."""
        wanted = {"event": event, "business_id": self.id, **fields}
        lines = itertools.chain(*(self.stack.logs(name) for name in ((service,) if service else SERVICES)))
        return [line for line in lines if wanted.items() <= line.items()]

    async def logged(self, event: str, **fields: Any) -> Entry:
        """The first line of this event about this business, awaited."""

        async def look() -> list[Entry]:
            return self.events(event, **fields)

        return (await eventually(look, f"{event} {fields}"))[0]


@dataclass
class Run:
    """One campaign; `leads` are its leads' numbers by id, in the order given."""

    business: Business
    id: int
    leads: dict[int, str]

    @property
    def client(self) -> Client:
        return self.business.client

    async def shown(self) -> Entry:
        return await self.client.run(self.id)

    async def jobs(self) -> list[Entry]:
        return await self.client.jobs(self.id)

    async def calls(self) -> list[Entry]:
        """Every attempt of every job, as the API shows them."""
        return [call for job in await self.jobs() for call in job["calls"]]

    async def until(self, timeout: float = PATIENCE, **fields: Any) -> Entry:
        """The run as the API shows it once it shows all of these."""

        async def look() -> Entry | None:
            shown = await self.shown()
            return shown if fields.items() <= shown.items() else None

        return await eventually(look, f"run {self.id} with {fields}", timeout=timeout)

    async def over(self, status: str, end_reason: str, timeout: float = PATIENCE) -> Entry:
        """The run once it has ended and none of its calls is live; it must have ended like this."""

        async def look() -> Entry | None:
            shown = await self.shown()
            live = any(call["ended_at"] is None for call in await self.calls())
            return shown if shown["ended_at"] and not shown["in_progress"] and not live else None

        shown = await eventually(look, f"the end of run {self.id}", timeout=timeout)
        assert (shown["status"], shown["end_reason"]) == (status, end_reason)
        return shown

    async def overdue(self, sql: asyncpg.Connection) -> None:
        """As if the time for the answers to this run's creates were over now."""
        await sql.execute(
            "UPDATE calls SET deadline = clock_timestamp() - dial_timeout, next_check_at = clock_timestamp()"
            " WHERE run_id = $1 AND ended_at IS NULL",
            self.id,
        )

    async def left_alone(self, sql: asyncpg.Connection) -> None:
        """As if nobody had answered this run's nudge for a day."""
        await sql.execute(
            "UPDATE outbound_call_runs SET nudged_at = nudged_at - interval '1 day',"
            " last_heartbeat_at = last_heartbeat_at - interval '1 day' WHERE id = $1",
            self.id,
        )

    async def ending(self, way: str, **params: str) -> tuple[int, Entry]:
        """Ask for the run's end: `cancel`, `stop` or `force-cancel`; the answer's status and body."""
        if way == "stop":
            answer = await self.client.request("POST", "/api/outbound/stop-queue", json={"run_id": self.id})
        else:
            path = f"/api/outbound_calls/jobs/{self.id}/{way}"
            answer = await self.client.request("POST", path, params=params)
        return answer.status, answer.body

    async def creates(self) -> list[Entry]:
        """The creates that the provider was sent for this run's numbers, oldest first."""
        phones = set(self.leads.values())
        return sorted((e for e in await self.business.entries() if e["to"] in phones), key=lambda e: e["at"])

    async def placed(self) -> list[PlacedCall]:
        return placed_calls(await self.creates())

    async def rung(self, count: int) -> None:
        """Wait until the provider was sent so many creates for this run."""

        async def look() -> bool:
            return len(await self.creates()) >= count

        await eventually(look, f"{count} creates of run {self.id}")

    async def quiet(self, seconds: float) -> None:
        """See that no create comes for so long."""
        before = len(await self.creates())
        await asyncio.sleep(seconds)
        assert len(await self.creates()) == before

    async def judge(self) -> None:
        """Hold the run to what is promised of every run: API and ledger agree, nobody was rung twice, the cap held."""
        placed = await self.placed()
        assert disagreements(placed, await self.jobs()) == []
        twice = {to: times for to, times in Counter(call.to for call in placed).items() if times > 1}
        assert not twice, f"rung more than once: {twice}"
        assert most_at_once(await self.business.placed()) <= self.business.cap
        shown = await self.shown()
        parts = ("queued", "in_progress", "completed", "failed", "cancelled")
        assert sum(shown[part] for part in parts) == shown["total_leads"]
