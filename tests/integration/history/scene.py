"""A campaign and the ledger of its provider, in step: rows by the project's own functions, lines by the test.

Time that a settling needs is not waited for: an attempt and the lines about it are moved into the past together.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson

from history.check import read_history
from history.history import History
from history.options import Options
from history.report import judge
from tests.integration.campaigns import Campaigns, Row
from tests.integration.history.ledger import LedgerFile

CAP = 8
GIVEN_UP_AFTER = 90.0
"""Seconds: more than SEND_WITHIN + DIAL_TIMEOUT + ABSENT_AFTER."""

RANKS = {"initiated": 1, "ringing": 2, "in-progress": 3}
ENDS = {"completed": "answered", "busy": "busy", "no-answer": "no_answer", "failed": "failed", "canceled": "canceled"}


@dataclass
class Scene:
    """One business, its campaigns, and the provider."""

    campaigns: Campaigns
    folder: Path
    url: str
    business: int
    ledger: LedgerFile = field(default_factory=LedgerFile)
    caps: list[dict[str, Any]] = field(default_factory=list)
    actions: list[dict[str, Any]] = field(default_factory=list)
    faults: list[dict[str, Any]] = field(default_factory=list)
    _sequence: itertools.count[int] = field(default_factory=itertools.count)

    async def run(self, leads: Any = 1, **fields: Any) -> int:
        return await self.campaigns.run(self.business, leads, **fields)

    async def claim(self) -> Row:
        """The next call that may be dialled, whatever answers did to the account before."""
        calm = """UPDATE accounts SET blocked_code = NULL, blocked_since = NULL, retry_at = NULL, refusals = 0,
                  ambiguous_in_a_row = 0, next_dial_at = '-infinity'"""
        await self.campaigns.connection.execute(calm)
        await self.sql("UPDATE businesses SET next_dial_at = '-infinity'")
        (call,) = await self.campaigns.claim(self.business, limit=1)
        return call

    async def sql(self, statement: str, *values: Any) -> None:
        await self.campaigns.connection.execute(statement, *values)

    async def doctor(self, *statements: str) -> None:
        """Change rows by hand, past the triggers that would refuse it."""
        await self.sql("SET session_replication_role = replica")
        for statement in statements:
            await self.sql(statement)
        await self.sql("RESET session_replication_role")

    async def callback(self, call: Row, sid: str, status: str) -> str:
        """A callback is sent, taken and recorded; what it changed."""
        item = {
            "n": 1,
            "token": str(call["dial_token"]),
            "call_sid": sid,
            "event": "completed" if status in ENDS else status,
            "rank": RANKS.get(status, 4),
            "outcome": ENDS.get(status),
            "sequence": next(self._sequence),
            "fields": {},
        }
        record = "SELECT result FROM ringfence_record_callbacks($1, '60 s', true)"
        result = str(await self.campaigns.connection.fetchval(record, json.dumps([item])))
        self.ledger.says("callback", sid, event=item["event"], http_status=204)
        return result

    async def ends(self, call: Row, sid: str, state: str = "completed") -> str:
        """A call ends at the provider, and its callback says so."""
        self.ledger.ends(sid, state)
        return await self.callback(call, sid, state)

    async def rings(self, call: Row, state: str = "completed") -> str:
        """A whole ordinary call; its sid."""
        sid = self.ledger.placed(call)
        await self.campaigns.dialled(call, "accepted", sid)
        await self.ends(call, sid, state)
        return sid

    async def settle(self, call: Row, finding: str, sid: str | None = None, outcome: str | None = None) -> str:
        settle = "SELECT result FROM ringfence_settle($1, $2, $3, $4, 4, $5, clock_timestamp(), '5 s', '60 s', '60 s')"
        values = call["call_id"], call["dial_token"], finding, sid, outcome
        return str(await self.campaigns.connection.fetchval(settle, *values))

    async def denied_twice(self, call: Row) -> str:
        """Two lists without the call, at the times that the contract demands."""
        await self.campaigns.dialled(call, "ambiguous")
        await self.passes(call, GIVEN_UP_AFTER)
        await self.settle(call, "absent")
        await self.sql("UPDATE calls SET denied_at = denied_at - interval '10 s' WHERE id = $1", call["call_id"])
        return await self.settle(call, "absent")

    async def passes(self, call: Row, seconds: float) -> None:
        """So much time passes for one attempt: its row and its lines lie further back."""
        moved = """UPDATE calls SET created_at = created_at - $2::interval, deadline = deadline - $2::interval,
                   expires_at = expires_at - $2::interval WHERE id = $1"""
        await self.sql(moved, call["call_id"], timedelta(seconds=seconds))
        token = str(call["dial_token"])
        sids = {line["sid"] for line in self.ledger.lines if line["kind"] == "call" and line["token"] == token}
        for line in self.ledger.lines:
            if line.get("token") == token or line.get("sid") in sids:
                line["at"] -= seconds

    async def hung_up(self, call_id: int, sid: str) -> None:
        """The hang-up of a call is asked for and granted."""
        self.ledger.says("hang_up", sid, requested="completed", accepted=True)
        self.ledger.ends(sid)
        note = "SELECT ringfence_note_hangup(id, dial_token, true) FROM calls WHERE id = $1"
        await self.sql(note, call_id)

    async def history(self, **options: Any) -> History:
        """What the checker reads of all this."""
        self.ledger.write(self.folder / "ledger.jsonl")
        given = Options(
            self.folder / "ledger.jsonl",
            self.url,
            caps=self._file("caps", self.caps),
            actions=self._file("actions", self.actions),
            faults=self._file("faults", self.faults),
            patience=0.0,
        )
        return await read_history(replace(given, **options))

    async def violations(self, **options: Any) -> dict[str, list[str]]:
        """The texts of all violations by rule."""
        found = {one.rule.letter: one.findings.violations for one in judge(await self.history(**options))}
        return {letter: [each.text for each in each_rule] for letter, each_rule in found.items() if each_rule}

    def _file(self, name: str, lines: list[dict[str, Any]]) -> Path | None:
        if not lines:
            return None
        path = self.folder / f"{name}.jsonl"
        path.write_bytes(b"".join(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE) for line in lines))
        return path
