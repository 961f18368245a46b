"""Calls that a provider has accepted, made without dialling: rows, and a ledger that says the same.

For measuring the webhook alone: whoever sends the callbacks plays the provider, and keeps its ledger.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import asyncpg
import orjson

from bench.claimer import FROM, Claimer
from bench.fill import add_businesses, copy_leads
from bench.load import Outcome, Post
from bench.work import Work
from simulator.signature import sign

EVENTS = ("ringing", "in-progress", "completed")
CAP = 10
START = "SELECT run_id FROM ringfence_start_run($1, $2, NULL, '{\"twiml\": \"<Response/>\"}', 'bench', NULL, NULL)"
ACCEPT = "SELECT * FROM ringfence_record_dials($1, '5 s', '60 s')"


@dataclass(frozen=True)
class Accepted:
    """One call under way."""

    token: UUID
    sid: str
    to: str
    at: float


async def make_calls(connection: asyncpg.Connection, claimer: Claimer, count: int) -> list[Accepted]:
    """So many calls, ten to a business, each run with nothing else to do."""
    ids = await add_businesses(connection, -(-count // CAP), CAP)
    leads = await copy_leads(connection, ids, Work(len(ids), CAP, CAP))
    made = []
    for business_id, own in zip(ids, leads, strict=True):
        await connection.fetchval(START, business_id, own)
        claimed, _ = await claimer.claim(business_id, CAP)
        at = time.time()
        calls = [Accepted(call["dial_token"], "CA" + secrets.token_hex(16), call["to_number"], at) for call in claimed]
        items = [
            {"call_id": row["call_id"], "token": str(call.token), "class": "accepted", "call_sid": call.sid}
            for row, call in zip(claimed, calls, strict=True)
        ]
        await connection.fetch(ACCEPT, orjson.dumps(items).decode())
        made += calls
    return made[:count]


def callbacks(call: Accepted, account: str, auth_token: str, public_url: str) -> list[Post]:
    """Its three status callbacks, signed as the provider signs."""
    url = f"{public_url}/webhooks/twilio/status/{call.token}"
    posts = []
    for sequence, status in enumerate(EVENTS):
        fields = [
            ("CallSid", call.sid), ("AccountSid", account), ("From", FROM), ("To", call.to), ("CallStatus", status),
            ("Direction", "outbound-api"), ("SequenceNumber", str(sequence)), ("ApiVersion", "2010-04-01"),
            ("CallbackSource", "call-progress-events"), ("Timestamp", "Sun, 22 Nov 2026 12:00:00 +0000"),
        ]  # fmt: skip
        posts.append((url, sign(auth_token, url, fields), urlencode(fields)))
    return posts


def write_ledger(path: Path, account: str, calls: list[Accepted], outcomes: list[list[Outcome]]) -> None:
    """Append what the provider knows of these calls."""
    with path.open("ab") as file:
        for call, answers in zip(calls, outcomes, strict=True):
            for line in _lines(call, account, answers):
                file.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))


def _lines(call: Accepted, account: str, answers: list[Outcome]) -> Iterator[dict[str, Any]]:
    offset = time.time() - time.monotonic()
    common = {"account": account, "to": call.to, "from": FROM, "token": str(call.token), "at": call.at}
    request_id = f"RQ{call.sid[2:]}"
    yield {"kind": "request", "request_id": request_id, **common, "answer_status": 201, "params": []}
    yield {"kind": "call", "request_id": request_id, "sid": call.sid, "foreign": False, **common}
    ended = answers[-1][0] + offset
    yield {"kind": "state", "sid": call.sid, "state": "completed", "at": ended}
    for began, _, status in answers:
        yield {"kind": "callback", "sid": call.sid, "at": began + offset, "http_status": status}
