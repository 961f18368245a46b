"""One run from its beginning to its verdict."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import orjson

from chaos.babble import Babbler
from chaos.crew import Crew
from chaos.deaths import Deaths
from chaos.evidence import keep
from chaos.judgement import Verdict, pass_verdict
from chaos.lag import Lag
from chaos.links import TO_PROVIDER, Links
from chaos.notes import Notes
from chaos.operators import Operators
from chaos.outages import Outages
from chaos.plan import SETTINGS, Plan
from chaos.provider import Provider
from chaos.report import text
from chaos.rest import Rest
from chaos.stage import Stage
from chaos.storms import Storms
from chaos.tenants import found, own_accounts, shared_account
from stack.system import Stack

REST_SECONDS = 300.0
TIME_SCALE = 60.0


class Player(Protocol):
    """Whoever does something during a run, until the faults stop."""

    async def play(self) -> None: ...


@dataclass(frozen=True)
class Outcome:
    """A verdict, and where the evidence is if there was anything wrong."""

    verdict: Verdict
    evidence: Path | None


async def play(plan: Plan, *, rest_seconds: float = REST_SECONDS) -> Outcome:
    """Start a system, let faults loose on it for the plan's time, heal it, wait for rest, and judge."""
    accounts = own_accounts()
    settings = {
        **SETTINGS,
        "SIM_CPS": "200",
        "SIM_TIME_SCALE": str(TIME_SCALE),
        "SIM_SEED": str(plan.seed),
        "SIM_ACCOUNTS": orjson.dumps([account.as_setting() for account in accounts]).decode(),
    }
    async with Stack(["simulator"], settings, name="chaos") as stack, Links(stack, plan) as links:
        folder = stack.run.path / "notes"
        folder.mkdir(exist_ok=True)
        for old in folder.iterdir():
            old.unlink()
        stage = Stage(plan, stack, Notes(folder))
        return await _play(stage, links, [shared_account(stack), *accounts], rest_seconds)


async def _play(stage: Stage, links: Links, accounts: list[Any], rest_seconds: float) -> Outcome:
    crew = Crew(stage.stack, stage.notes, links.settings)
    await crew.muster()
    tenants = await found(stage.stack, stage.plan, accounts)
    operators, provider = Operators(stage, tenants), Provider(stage, links, tenants, accounts)
    players: list[Player] = [
        Deaths(stage, crew),
        Outages(stage),
        Storms(stage, links),
        Babbler(stage),
        operators,
        provider,
    ]
    lag = Lag()
    aside = [asyncio.create_task(crew.watch(), name="watch"), asyncio.create_task(lag.measure(), name="lag")]
    try:
        await _until_over(stage, *(player.play() for player in players))
        struck = await provider.behave()
        await links.clear()
        await Rest(stage, crew, links, operators, tenants).come(rest_seconds)
    finally:
        await _end(aside)
    transit = lag.allowance + max(links.proxies[f"{name}-provider"].traffic["up"].longest for name in TO_PROVIDER)
    verdict = await pass_verdict(stage, transit=transit, struck=struck)
    evidence = None if verdict.clean else await keep(stage, text(stage.plan, verdict))
    return Outcome(verdict, evidence)


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    """End what would go on for ever; whatever went wrong in it is raised."""
    for task in tasks:
        task.cancel()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(result, Exception):
            raise result


async def _until_over(stage: Stage, *plays: Coroutine[Any, Any, None]) -> None:
    """Let everybody play for the run's time, and wait until each has finished what he began."""

    async def clock() -> None:
        await asyncio.sleep(stage.plan.seconds)
        stage.finish()

    async with asyncio.TaskGroup() as group:
        for each in (*plays, clock()):
            group.create_task(each)
