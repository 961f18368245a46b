"""The history checker's word about a baseline, from the provider's ledger and what the baseline's tables say.

A rule is left out where a baseline has nothing that it could be held against: names of its own for attempts (a),
counters (e), reports of surplus calls (j).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

from bench.baselines.history import HeldSlot, Tables, history_of
from bench.judging import SHOWN, Judged
from history.ledger import read_ledger
from history.report import as_json, judge
from history.rules import RULES

JUDGED = frozenset("bcdfghi")
LOOK_EVERY = 0.25
BUSINESSES = "SELECT id, cap FROM businesses ORDER BY id"
RUNS = "SELECT id, business_id, status, extract(epoch FROM ended_at)::float8 AS ended_at FROM runs ORDER BY id"
JOBS = """
    SELECT id, run_id, business_id, phone, status, slot, call_sid, call_status,
        extract(epoch FROM dialed_at)::float8 AS dialed_at, extract(epoch FROM ended_at)::float8 AS ended_at
    FROM jobs ORDER BY id
"""
NOW = "SELECT extract(epoch FROM clock_timestamp())::float8 AS now"


async def judge_baseline(ledger: Path, database_url: str, held: Iterable[HeldSlot]) -> Judged:
    """Hold the ledger against the tables and the slots."""
    history = history_of(read_ledger(ledger), await _read(database_url), held)
    report = as_json(history, judge(history, [rule for rule in RULES if rule.letter in JUDGED]), SHOWN)
    examples = [f"({rule['rule']}) {each['text']}" for rule in report["rules"] for each in rule["violations"]]
    return Judged(report["calls"], {rule["rule"]: rule["violated"] for rule in report["rules"]}, tuple(examples))


async def _read(database_url: str) -> Tables:
    connection = await psycopg.AsyncConnection.connect(database_url, autocommit=True, row_factory=dict_row)
    async with connection:

        async def rows(query: str) -> list[dict[str, Any]]:
            return list(await (await connection.execute(query)).fetchall())

        found = [await rows(query) for query in (BUSINESSES, RUNS, JOBS)]
        return Tables((await rows(NOW))[0]["now"], *found)


async def rest(ledger: Path, wait: float) -> None:
    """Until no call is live at the provider, at most so many seconds."""
    deadline = time.monotonic() + wait
    while time.monotonic() < deadline:
        if all(call.ended_at is not None for call in read_ledger(ledger).calls):
            return
        await asyncio.sleep(LOOK_EVERY)
