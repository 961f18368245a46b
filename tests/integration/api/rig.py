"""What the tests of the API hold in their hands."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import asyncpg
import httpx

from services.api.context import Context
from shared.auth import Role
from shared.events import Event

SECRET = "a secret of 32 bytes for the tests"
TWIML = "<Response><Say>Hello</Say></Response>"
ACCOUNT = "AC" + "0" * 32

_phones = itertools.count(972500000000)


@dataclass
class Rig:
    """The application, and clients who speak to it with a token."""

    client: httpx.AsyncClient
    context: Context
    events: list[Event]
    token: Callable[[Role, int | None], str]

    def asker(self, business_id: int | None, role: Role = Role.ADMIN) -> Asker:
        return Asker(self.client, {"Authorization": f"Bearer {self.token(role, business_id)}"})


@dataclass
class Asker:
    """Somebody with a token."""

    client: httpx.AsyncClient
    headers: dict[str, str]

    async def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {**self.headers, **options.pop("headers", {})}
        return await self.client.request(method, path, headers=headers, **options)

    async def get(self, path: str, **options: Any) -> httpx.Response:
        return await self.ask("GET", path, **options)

    async def post(self, path: str, **options: Any) -> httpx.Response:
        return await self.ask("POST", path, **options)

    async def start(self, lead_ids: list[int], **fields: Any) -> int:
        """Start a run that must be accepted, and return its id."""
        answer = await self.post("/api/outbound_calls/start", json={"lead_ids": lead_ids, "twiml": TWIML, **fields})
        assert answer.status_code == 201, answer.text
        return int(answer.json()["run_id"])

    async def run(self, run_id: int) -> dict[str, Any]:
        answer = await self.get(f"/api/outbound/runs/{run_id}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())


class World:
    """The database, past every policy."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self.connection = connection

    async def value(self, statement: str, *values: Any) -> Any:
        return await self.connection.fetchval(statement, *values)

    async def do(self, statement: str, *values: Any) -> None:
        await self.connection.execute(statement, *values)

    async def business(self, *, cap: int = 3, locale: str = "en") -> int:
        statement = (
            "INSERT INTO businesses (name, max_concurrent_calls, locale, calls_per_second)"
            " VALUES ('B', $1, $2, 1000) RETURNING id"
        )
        return int(await self.value(statement, cap, locale))

    async def leads(self, business_id: int, number: int) -> list[int]:
        phones = [f"+{next(_phones)}" for _ in range(number)]
        rows = await self.connection.fetch(
            "INSERT INTO leads (business_id, phone) SELECT $1, unnest($2::text[]) RETURNING id", business_id, phones
        )
        return [row["id"] for row in rows]

    async def account(self) -> None:
        """The shared account, as a dispatcher leaves it."""
        await self.do(
            "INSERT INTO accounts (account_sid, is_shared, calls_per_second) VALUES ($1, true, 1000)"
            " ON CONFLICT DO NOTHING",
            ACCOUNT,
        )

    async def dispatcher(self) -> None:
        """A dispatcher that has just renewed its lease over this connection."""
        await self.account()
        await self.do(
            "UPDATE dispatcher_lease SET epoch = 1, holder = 'test:1', backend_pid = pg_backend_pid(),"
            " renewed_at = clock_timestamp(), identity = ringfence_database_identity()"
        )

    async def claim(self, business_id: int, *, send_within: str = "3 s", limit: int = 10) -> list[asyncpg.Record]:
        """The calls that a dispatcher gets to dial."""
        await self.dispatcher()
        rows = await self.connection.fetch(
            "SELECT * FROM ringfence_claim(ARRAY[$1::bigint], 'test:1', 1, $2, $3::text::interval, '15 s', '1 h',"
            " '+15005550006') WHERE verdict = 'claimed'",
            business_id,
            limit,
            send_within,
        )
        return list(rows)

    async def let_pass(self, run_id: int, seconds: float) -> None:
        """Make every time of a run as much older."""
        await self.do(
            "UPDATE outbound_call_runs SET last_heartbeat_at = last_heartbeat_at - $2 * interval '1 s',"
            " lock_ts = lock_ts - $2 * interval '1 s', nudged_at = nudged_at - $2 * interval '1 s',"
            " updated_at = updated_at - $2 * interval '1 s' WHERE id = $1",
            run_id,
            seconds,
        )
