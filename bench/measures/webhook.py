"""Webhook: signed status callbacks a second, each recorded and answered 204, and how long an answer takes.

A load generator, a process of its own, sends the three callbacks of each call in their order, 32 calls at a time, as
fast as they are answered. The calls were made before, without dialling; the webhook service runs alone.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import asyncpg
import orjson

from bench.answered_calls import Accepted, callbacks, make_calls, write_ledger
from bench.bench import Bench, Measured
from bench.claimer import Claimer
from bench.figures import Figure
from bench.judging import judge_ledger
from bench.load import Outcome
from bench.ringfence import Ringfence
from bench.site import Site
from stack.environment import base_environment
from stack.errors import StackError

CONNECTIONS = 32
NO_CONTENT = 204


async def measure(bench: Bench) -> Measured:
    """Figures `callbacks` (1/s), `p50` and `p99` (ms), and how many were not answered 204."""
    async with bench.engine(lambda site: Ringfence(site, services=["webhook"])) as (site, _):
        ledger = site.stack.run.state / "callbacks.jsonl"
        rounds = await _rounds(bench, site, ledger)
        judged = await judge_ledger(ledger, site.database.url)
    answers = [[outcome for call in one for outcome in call] for one in rounds]
    waits = [Figure.of((1000 * seconds for _, seconds, _ in one), "ms") for one in answers]
    figures = {
        "callbacks": Figure.of((len(one) / _span(one) for one in answers), "1/s"),
        "p50": Figure.of((one.quantile(0.5) for one in waits), "ms"),
        "p99": Figure.of((one.quantile(0.99) for one in waits), "ms"),
    }
    failed = sum(status != NO_CONTENT for one in answers for _, _, status in one)
    return Measured(figures, {"connections": CONNECTIONS, "not_204": failed}, judged)


def _span(answers: list[Outcome]) -> float:
    return max(began + took for began, took, _ in answers) - min(began for began, _, _ in answers)


async def _rounds(bench: Bench, site: Site, ledger: Path) -> list[list[list[Outcome]]]:
    secrets = site.stack.secrets
    account = secrets["TWILIO_ACCOUNT_SID"]
    connection = await asyncpg.connect(site.database.superuser_url)
    try:
        await connection.execute("SELECT ringfence_share_account($1, 100000)", account)
        claimer = Claimer(connection)
        await claimer.take_lease()
        rounds = []
        for _ in range(bench.rounds):
            calls = await make_calls(connection, claimer, bench.sizes.webhook_calls)
            outcomes = await _send(site, calls, account, secrets["TWILIO_AUTH_TOKEN"])
            write_ledger(ledger, account, calls, outcomes)
            rounds.append(outcomes)
        return rounds
    finally:
        await connection.close()


async def _send(site: Site, calls: list[Accepted], account: str, auth_token: str) -> list[list[Outcome]]:
    posts = [callbacks(call, account, auth_token, site.stack.url("webhook")) for call in calls]
    plan = orjson.dumps({"connections": CONNECTIONS, "calls": posts})
    done = await asyncio.to_thread(_generate, plan)
    if done.returncode:
        raise StackError(f"the load generator ended with status {done.returncode}")
    outcomes: list[list[Outcome]] = orjson.loads(done.stdout)
    return outcomes


def _generate(plan: bytes) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "bench.load"]
    return subprocess.run(command, input=plan, stdout=subprocess.PIPE, env=base_environment(), check=False)  # noqa: S603
