"""A campaign under the eyes of Prometheus: every service, a standby, both servers and their exporters."""

from __future__ import annotations

import json
from contextlib import AsyncExitStack
from typing import Any

from deploy.grafana.__main__ import BOARDS, file_of
from deploy.grafana.board import Board
from stack.ports import free_port
from stack.processes import Child
from stack.system import Stack
from tests.deploy.monitoring.broker_metrics import export_broker
from tests.deploy.monitoring.watchers import Watcher, other_targets, own_targets, postgres_exporter, prometheus

SETTINGS = {"CALLS_PER_SECOND": "50", "SIM_CPS": "50", "SIM_TIME_SCALE": "30", "STALE_AFTER": "600"}
"""A slow machine makes no run stale: what fires is what was provoked."""

SERVICES = ("api", "webhook", "dispatcher", "dispatcher2", "reaper")
TWIML = "<Response><Say>Hello</Say></Response>"
CHOSEN = {"$__rate_interval": "1m", "$namespace": ".*"}


async def campaign(stack: Stack, leads: int, *, cap: int = 3) -> int:
    """Begin a run of so many leads, `cap` at a time; returns its id."""
    business = await stack.client("platform_admin").create_business(
        "Observed", max_concurrent_calls=cap, calls_per_second=50
    )
    client = stack.client("operator", business)
    lead_ids = await client.add_leads([f"+97252{number:07d}" for number in range(leads)])
    return int((await client.start_run(lead_ids, twiml=TWIML))["run_id"])


def ended(closing: AsyncExitStack, child: Child) -> Child:
    """Have a process ended with the test."""
    closing.callback(child.end)
    return child


async def watched(stack: Stack, closing: AsyncExitStack) -> Watcher:
    """A Prometheus that scrapes the whole of a system with servers of its own, a second dispatcher included."""
    await stack.start("dispatcher2")
    rabbitmq = await export_broker(stack)
    postgres = free_port()
    ended(closing, await postgres_exporter(stack, postgres)).start()
    watcher = prometheus(stack, [*own_targets(stack, *SERVICES), *other_targets(rabbitmq, postgres)])
    ended(closing, watcher.child)
    await watcher.start()
    return watcher


def panels(board: Board) -> list[dict[str, Any]]:
    """The panels of a committed dashboard, rows included."""
    content: list[dict[str, Any]] = json.loads(file_of(board).read_text())["panels"]
    return content


def query_of(target: dict[str, Any]) -> str:
    """A target's expression as Grafana sends it with everything chosen."""
    expr: str = target["expr"]
    for variable, value in CHOSEN.items():
        expr = expr.replace(variable, value)
    return expr


def targets_of_dashboards() -> list[tuple[str, str]]:
    """Panel and query of every target of every dashboard."""
    return [
        (f"{board.slug}: {panel['title']}", query_of(target))
        for board in BOARDS
        for panel in panels(board)
        for target in panel.get("targets", [])
    ]
