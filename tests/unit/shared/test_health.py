"""Health: what the three addresses answer, on their own and within an application."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from shared import logs
from shared.health import Health, health_app, health_routes


async def get(app: Any, path: str) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        return await client.get(path)


def test_a_process_that_has_not_reached_its_servers_yet_is_not_ready() -> None:
    health = Health(required={"database"}, optional={"broker"})
    assert health.ready() == (503, {"status": "unavailable", "away": ["database"], "degraded": ["broker"]})


def test_a_process_with_everything_it_needs_is_ready() -> None:
    health = Health(required={"database"}, optional={"broker"})
    health.set("database", up=True)
    assert health.ready() == (200, {"status": "ready", "degraded": ["broker"]})
    health.set("broker", up=True)
    assert health.ready() == (200, {"status": "ready"})


def test_a_required_server_that_goes_away_is_named() -> None:
    health = Health(required={"database", "broker"})
    for name in ("database", "broker"):
        health.set(name, up=True)
    health.set("broker", up=False, reason="connection refused")
    assert health.ready() == (503, {"status": "unavailable", "away": ["broker"]})
    assert health.up("database")
    assert not health.up("broker")


def test_a_server_nobody_spoke_of_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        Health(required={"database"}).set("redis", up=True)


def test_a_change_is_logged_once_with_its_reason(log_lines: Callable[[], list[dict[str, Any]]]) -> None:
    logs.configure("api")
    health = Health(required={"database"})
    for up in (False, False, True, True, False):
        health.set("database", up=up, reason=None if up else "refused")
    assert [(line["event"], line["dependency"], line.get("reason")) for line in log_lines()] == [
        ("DEPENDENCY_AWAY", "database", "refused"),
        ("DEPENDENCY_UP", "database", None),
        ("DEPENDENCY_AWAY", "database", "refused"),
    ]


def fastapi_app(health: Health) -> FastAPI:
    app = FastAPI()
    app.router.routes.extend(health_routes(health))
    return app


@pytest.mark.parametrize("make", [health_app, fastapi_app])
async def test_the_three_addresses_answer_on_any_application(make: Callable[[Health], Any]) -> None:
    health = Health(required={"database"})
    app = make(health)
    alive = await get(app, "/healthz")
    assert (alive.status_code, alive.json()) == (200, {"status": "alive"})
    away = await get(app, "/readyz")
    assert (away.status_code, away.json()) == (503, {"status": "unavailable", "away": ["database"]})
    health.set("database", up=True)
    assert (await get(app, "/readyz")).status_code == 200
    shown = await get(app, "/metrics")
    assert shown.headers["content-type"].startswith("text/plain; version=")
    assert 'ringfence_dependency_up{name="database"} 1.0' in shown.text
