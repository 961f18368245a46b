"""Claims on one connection, as the dispatcher makes them, with what follows from them done as the services do it."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg

from bench.fill import RATE

WORKER = "bench:1"
FROM = "+15005550006"
TAKE_LEASE = "SELECT epoch FROM ringfence_take_lease($1, '10 s')"
CLAIM = "SELECT * FROM ringfence_claim($1, $2, $3, $4, '3 s', '15 s', '1 h', $5)"
RECORD_DIALS = "SELECT * FROM ringfence_record_dials($1, '5 s', '60 s')"
RECORD_CALLBACKS = "SELECT * FROM ringfence_record_callbacks($1, '60 s', true)"

Call = Mapping[str, Any]


class Claimer:
    """One holder of the lease."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection
        self._epoch = 0

    async def take_lease(self) -> None:
        """Become the one who may claim."""
        self._epoch = await self._connection.fetchval(TAKE_LEASE, WORKER)

    async def claim(self, business_id: int, limit: int = 1) -> tuple[list[Call], float]:
        """The calls that were claimed, and the seconds that it took: one round trip that commits by itself."""
        began = time.perf_counter()
        rows = await self._connection.fetch(CLAIM, [business_id], WORKER, self._epoch, limit, FROM)
        took = time.perf_counter() - began
        return [row for row in rows if row["verdict"] == "claimed"], took

    async def finish(self, calls: Sequence[Call]) -> None:
        """Let the provider accept these calls, and tell that they have ended."""
        sids = {call["call_id"]: "CA" + secrets.token_hex(16) for call in calls}
        dials = [
            {"call_id": id_, "token": str(call["dial_token"]), "class": "accepted", "call_sid": sids[id_]}
            for call in calls
            if (id_ := call["call_id"])
        ]
        await self._connection.fetch(RECORD_DIALS, json.dumps(dials))
        heard: list[dict[str, Any]] = [
            {"n": n, "token": str(call["dial_token"]), "call_sid": sids[call["call_id"]], "event": "completed",
             "rank": 4, "outcome": "answered", "sequence": 3, "code": None, "fields": {}}
            for n, call in enumerate(calls)
        ]  # fmt: skip
        await self._connection.fetch(RECORD_CALLBACKS, json.dumps(heard))


async def share_account(connection: asyncpg.Connection) -> None:
    """An account for all, which may dial as fast as it likes."""
    await connection.execute("SELECT ringfence_share_account($1, $2)", "AC" + secrets.token_hex(16), float(RATE))
