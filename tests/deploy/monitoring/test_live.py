"""Real services, a real Prometheus that scrapes them, a real Alertmanager: dashboards have data, and pages arrive."""

from __future__ import annotations

import math
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import asyncpg
import pytest

from stack.system import ALL_SERVICES, Stack
from tests.acceptance.waiting import eventually
from tests.conftest import MakeStack
from tests.deploy.monitoring.observed import SERVICES, SETTINGS, campaign, ended, targets_of_dashboards, watched
from tests.deploy.monitoring.programs import printed, program
from tests.deploy.monitoring.watchers import (
    PATIENCE,
    Receiver,
    Watcher,
    alertmanager,
    own_targets,
    prometheus,
)

NEEDED = ("prometheus", "prometheus-alertmanager", "prometheus-postgres-exporter", "promtool")
NAMED_IN_THE_CONTRACT = {'ringfence_slots_total non-counter metrics should not have "_total" suffix'}
"""What promtool finds, and what stays, because monitoring systems rely on the name."""


@pytest.fixture(autouse=True)
def programs() -> None:
    """Skips at once, before anything is started, where a program is missing."""
    for name in NEEDED:
        program(name)


@pytest.fixture
async def closing() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


async def with_data(watcher: Watcher, expr: str, since: float) -> bool:
    """Whether a query over the campaign's time returns a number."""
    params: dict[str, str | float] = {"query": expr, "start": since, "end": time.time(), "step": 5}
    found = await watcher.ask("/api/v1/query_range", **params)
    assert found["status"] == "success", f"{expr}: {found}"
    values = [float(value) for series in found["data"]["result"] for _, value in series["values"]]
    return any(not math.isnan(value) for value in values)


async def test_every_query_of_every_dashboard_has_data_while_a_campaign_runs(
    make_stack: MakeStack, closing: AsyncExitStack
) -> None:
    stack = await make_stack(settings=SETTINGS, own_servers=True)
    began = time.time()
    watcher = await watched(stack, closing)
    await campaign(stack, 400)
    left = targets_of_dashboards()
    assert len(left) > 60

    async def all_have_data() -> bool:
        left[:] = [(panel, expr) for panel, expr in left if not await with_data(watcher, expr, began)]
        return not left

    try:
        await eventually(all_have_data, "every query has data", timeout=PATIENCE)
    except AssertionError:
        pytest.fail("no data for:\n" + "\n".join(f"{panel}: {expr}" for panel, expr in left))
    await _metrics_pages_are_well_formed(stack)


async def _metrics_pages_are_well_formed(stack: Stack) -> None:
    for name in SERVICES:
        async with aiohttp.ClientSession() as session, session.get(f"{stack.url(name)}/metrics") as page:
            findings = printed("promtool", "check", "metrics", given=await page.text()).splitlines()
        assert not set(findings) - NAMED_IN_THE_CONTRACT, name


async def test_whoever_is_on_call_is_woken_when_dispatcher_and_reaper_die_and_told_when_it_is_over(
    make_stack: MakeStack, closing: AsyncExitStack
) -> None:
    """The rules are the committed ones, with their real delays; only looking is quicker."""
    receiver = await closing.enter_async_context(Receiver())
    stack = await make_stack(ALL_SERVICES, SETTINGS | {"SIM_TIME_SCALE": "1"})
    pager = alertmanager(stack, f"http://127.0.0.1:{receiver.port}")
    ended(closing, pager.child)
    await pager.start()
    watcher = prometheus(
        stack,
        own_targets(stack, "api", "webhook", "dispatcher", "reaper"),
        alertmanager=pager.url.removeprefix("http://"),
    )
    ended(closing, watcher.child)
    await watcher.start()
    run_id = await campaign(stack, 30)

    async def calls_are_live() -> bool:
        return (await stack.service("api").metrics())["ringfence_calls_live"] > 0

    await eventually(calls_are_live, "somebody is rung", timeout=PATIENCE)
    assert not receiver.told

    await stack.kill("reaper")
    await stack.kill("dispatcher")
    await _let_the_heartbeat_age(stack, run_id)
    silent = await _told(receiver, "pager", "firing", "RingfenceRunWithoutHeartbeat")
    assert silent["severity"] == "page"
    assert silent["annotations"]["summary"].startswith("A running run has had no heartbeat for 1")
    assert silent["annotations"]["runbook_url"] == "docs/runbook/no-heartbeat.md"
    nobody = await _told(receiver, "pager", "firing", "RingfenceNoActiveDispatcher")
    assert nobody["annotations"]["summary"] == "Nobody dials"
    assert {alert["severity"] for who, _, alert in receiver.told if who == "pager"} == {"page"}

    await stack.start("dispatcher")
    await _told(receiver, "pager", "resolved", "RingfenceRunWithoutHeartbeat")
    await _told(receiver, "pager", "resolved", "RingfenceNoActiveDispatcher")


async def _let_the_heartbeat_age(stack: Stack, run_id: int) -> None:
    """As if the last beat had been a quarter of an hour ago."""
    connection = await asyncpg.connect(stack.database_url)
    try:
        await connection.execute(
            "UPDATE outbound_call_runs SET last_heartbeat_at = last_heartbeat_at - interval '15 min' WHERE id = $1",
            run_id,
        )
    finally:
        await connection.close()


async def _told(receiver: Receiver, who: str, status: str, alertname: str) -> dict[str, Any]:
    async def heard() -> dict[str, Any] | None:
        return receiver.heard(who, status, alertname)

    return await eventually(heard, f"{who} is told that {alertname} is {status}", timeout=PATIENCE)
