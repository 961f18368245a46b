"""Campaigns made by the database's own functions, as the services make them: what tests of one service start from."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeAlias

import asyncpg

WORKER = "tests:1"
FROM_NUMBER = "+15005550006"
TWIML = "<Response><Say>Hello</Say></Response>"

Row: TypeAlias = Mapping[str, Any]


def new_sid(kind: str = "CA") -> str:
    """A sid as the provider makes them."""
    return kind + secrets.token_hex(16)


@dataclass
class Campaigns:
    """One connection to a migrated database, and what happens to a campaign in it."""

    connection: asyncpg.Connection
    epoch: int | None = None
    phones: int = 0

    async def account(self, sid: str | None = None, *, shared: bool = False) -> int:
        """An account that may dial as fast as it likes."""
        made = "INSERT INTO accounts (account_sid, is_shared, calls_per_second) VALUES ($1, $2, 1000) RETURNING id"
        return int(await self.connection.fetchval(made, sid or new_sid("AC"), shared))

    async def business(self, cap: int = 3, *, account: int | None = None, sealed: bytes | None = None) -> int:
        """A business: on the shared account, or on one of its own with its sealed token."""
        made = """INSERT INTO businesses (name, max_concurrent_calls, calls_per_second, account_id, auth_token_sealed,
                  from_number) VALUES ('a business', $1, 1000, $2, $3, $4) RETURNING id"""
        return int(await self.connection.fetchval(made, cap, account, sealed, FROM_NUMBER))

    async def leads(self, business: int, count: int) -> list[int]:
        """New leads, each with a number of its own."""
        self.phones += count
        numbers = [f"+97250{7_000_000 + at}" for at in range(self.phones - count, self.phones)]
        made = "INSERT INTO leads (business_id, phone) SELECT $1, unnest($2::text[]) RETURNING id"
        return [row["id"] for row in await self.connection.fetch(made, business, numbers)]

    async def run(self, business: int, leads: Sequence[int] | int = 1, **fields: Any) -> int:
        """A pending run over these leads, or over so many new ones."""
        ids = await self.leads(business, leads) if isinstance(leads, int) else list(leads)
        speech = {} if "twiml_url" in fields else {"twiml": TWIML}
        start = "SELECT * FROM ringfence_start_run($1, $2, NULL, $3, 'tests', NULL, NULL)"
        row = await self.connection.fetchrow(start, business, ids, json.dumps({**speech, **fields}))
        assert row is not None
        assert row["verdict"] == "done"
        return int(row["run_id"])

    async def claim(self, *businesses: int, limit: int = 100, send_within: float = 3, timeout: float = 15) -> list[Row]:
        """Claim under a lease of our own, and return the calls that may be dialled now."""
        if self.epoch is None:
            take = "SELECT epoch FROM ringfence_take_lease($1, '10 s')"
            self.epoch = await self.connection.fetchval(take, WORKER)
        claim = "SELECT * FROM ringfence_claim($1, $2, $3, $4, $5, $6, '1 h', NULL)"
        times = timedelta(seconds=send_within), timedelta(seconds=timeout)
        rows = await self.connection.fetch(claim, list(businesses), WORKER, self.epoch, limit, *times)
        return [row for row in rows if row["verdict"] == "claimed"]

    async def claim_so_many(self, business: int, count: int) -> list[Row]:
        """Claim until there are so many calls; the rate allows a burst of some only."""
        calls: list[Row] = []
        async with asyncio.timeout(180):
            while len(calls) < count:
                calls += await self.claim(business, limit=count - len(calls))
        return calls

    async def dialled(self, call: Row, klass: str = "accepted", sid: str | None = None, **more: Any) -> str:
        """Record what came of a claimed call's create, and return what that changed."""
        item = {"call_id": call["call_id"], "token": str(call["dial_token"]), "class": klass, "call_sid": sid, **more}
        record = "SELECT result FROM ringfence_record_dials($1, '5 s', '60 s')"
        return str(await self.connection.fetchval(record, json.dumps([item])))

    async def given_up(self, call: Row) -> str:
        """Settle a call as the reaper does after two denials: it is abandoned and its job may be dialled again."""
        await self.dialled(call, "ambiguous")
        settle = """SELECT result FROM ringfence_settle($1, $2, 'absent', NULL, NULL, NULL,
                    clock_timestamp() + $3, '5 s', '60 s')"""
        for later in (timedelta(hours=1), timedelta(hours=2)):
            result = await self.connection.fetchval(settle, call["call_id"], call["dial_token"], later)
        return str(result)

    async def guessed(self, call: Row, sid: str, outcome: str | None = None) -> str:
        """Settle a call by a listing that shows one candidate."""
        await self.dialled(call, "ambiguous")
        settle = "SELECT result FROM ringfence_settle($1, $2, 'guess', $3, 4, $4, clock_timestamp(), '5 s', '60 s')"
        return str(await self.connection.fetchval(settle, call["call_id"], call["dial_token"], sid, outcome))

    async def call(self, call: Row) -> Row:
        """The row of a claimed call now."""
        return await self._one("SELECT * FROM calls WHERE id = $1", call["call_id"])

    async def job(self, call: Row) -> Row:
        """The job of a claimed call now."""
        return await self._one("SELECT * FROM outbound_call_jobs WHERE id = $1", call["job_id"])

    async def run_row(self, run: int) -> Row:
        return await self._one("SELECT * FROM outbound_call_runs WHERE id = $1", run)

    async def rows(self, query: str, *values: Any) -> list[Row]:
        return list(await self.connection.fetch(query, *values))

    async def _one(self, query: str, value: int) -> Row:
        row: Row | None = await self.connection.fetchrow(query, value)
        assert row is not None
        return row


@asynccontextmanager
async def campaigns_in(url: str) -> AsyncIterator[Campaigns]:
    """Campaigns in the database at this URL."""
    connection = await asyncpg.connect(url)
    try:
        yield Campaigns(connection)
    finally:
        await connection.close()
