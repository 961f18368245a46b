"""A provider's ledger written by a test, line by line, as the documented format has it."""

from __future__ import annotations

import itertools
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import orjson

from tests.integration.campaigns import new_sid

Line: TypeAlias = dict[str, Any]

_requests = itertools.count(1)


@dataclass
class LedgerFile:
    """The lines so far; a test may change them before they are written."""

    lines: list[Line] = field(default_factory=list)

    def request(self, call: Mapping[str, Any], *, status: int | None = 201, **more: Any) -> Line:
        """A create for this claimed call; `more` overrides any field."""
        line = {
            "kind": "request",
            "request_id": f"RQ{next(_requests)}",
            "account": call["account_sid"],
            "to": call["to_number"],
            "from": call["from_number"],
            "token": str(call["dial_token"]),
            "params": [["Timeout", "60"], ["TimeLimit", "3600"]],
            "mode": None,
            "answer_status": status,
            "answer_code": None,
            "at": time.time(),
            **more,
        }
        self.lines.append(line)
        return line

    def call(self, request: Line, **more: Any) -> str:
        """The provider carries a request out; the new call's sid."""
        taken = {name: request[name] for name in ("request_id", "account", "to", "from", "token")}
        line = {"kind": "call", "sid": new_sid(), **taken, "foreign": False, "queue_ms": 0, "behaviour": {}}
        self.lines.append({**line, "at": time.time(), **more})
        return str(self.lines[-1]["sid"])

    def foreign(self, call: Mapping[str, Any]) -> str:
        """Somebody else's call between the same two numbers."""
        names = {"account": call["account_sid"], "to": call["to_number"], "from": call["from_number"]}
        return self.call({"request_id": None, "token": None, **names}, foreign=True)

    def placed(self, call: Mapping[str, Any], **more: Any) -> str:
        """A create that is carried out at once; the sid."""
        return self.call(self.request(call, **more))

    def says(self, kind: str, sid: str, **fields: Any) -> None:
        self.lines.append({"kind": kind, "sid": sid, "at": time.time(), **fields})

    def ends(self, sid: str, state: str = "completed") -> None:
        self.says("state", sid, state=state)

    def of(self, sid: str, kind: str, **fields: Any) -> Line:
        """The first line of this kind about a call."""
        return next(one for one in self.lines if one.items() >= {"kind": kind, "sid": sid, **fields}.items())

    def request_of(self, sid: str) -> Line:
        wanted = self.of(sid, "call")["request_id"]
        return next(one for one in self.lines if one["kind"] == "request" and one["request_id"] == wanted)

    def without(self, *gone: Line) -> None:
        self.lines = [line for line in self.lines if line not in gone]

    def about(self, sid: str) -> list[Line]:
        """Every line about a call, and that of its request."""
        return [line for line in self.lines if line.get("sid") == sid or line is self.request_of(sid)]

    def write(self, path: Path) -> None:
        path.write_bytes(b"".join(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE) for line in self.lines))
