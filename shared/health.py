"""Whether this process can do its work, and the three addresses that say so on every service's port.

Rules: `/healthz` answers while the event loop runs and asks nobody; `/readyz` repeats what the process last learnt
about the servers it needs, without asking them; a server that was never heard of counts as away.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from shared import logs, metrics

log = logs.logger()


class Health:
    """What is known of the servers this process talks to.

    Without a required one the process is not ready; without an optional one it is ready but degraded.
    """

    def __init__(self, required: Iterable[str], optional: Iterable[str] = ()) -> None:
        self._required = frozenset(required)
        self._optional = frozenset(optional)
        self._up: dict[str, bool | None] = dict.fromkeys(sorted(self._required | self._optional))
        for name in self._up:
            metrics.DEPENDENCY_UP.labels(name=name).set(0)

    def set(self, name: str, up: bool, reason: str | None = None) -> None:
        """Note that a server can or cannot be used; each change is logged once, with the reason."""
        before = self._up[name]
        if before == up:
            return
        self._up[name] = up
        metrics.DEPENDENCY_UP.labels(name=name).set(1 if up else 0)
        if up:
            log.info("DEPENDENCY_UP", dependency=name)
        else:
            log.warning("DEPENDENCY_AWAY", dependency=name, reason=reason)

    def up(self, name: str) -> bool:
        """Return whether a server could be used when it was last tried."""
        return self._up[name] is True

    def ready(self) -> tuple[int, dict[str, Any]]:
        """Return the status code and the body of `/readyz`."""
        away = [name for name in self._up if not self.up(name)]
        degraded = {"degraded": lost} if (lost := [name for name in away if name in self._optional]) else {}
        if missing := [name for name in away if name in self._required]:
            return 503, {"status": "unavailable", "away": missing} | degraded
        return 200, {"status": "ready"} | degraded


def health_routes(health: Health) -> list[BaseRoute]:
    """Return `/healthz`, `/readyz` and `/metrics`, for an application to add to its own routes."""

    async def healthz(_: Request) -> Response:
        return JSONResponse({"status": "alive"})

    async def readyz(_: Request) -> Response:
        status_code, body = health.ready()
        return JSONResponse(body, status_code=status_code)

    async def show_metrics(_: Request) -> Response:
        body, content_type = metrics.render()
        return Response(body, headers={"content-type": content_type})

    return [Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", show_metrics)]


def health_app(health: Health) -> Starlette:
    """Return an application that serves nothing but these addresses, for a process without an API of its own."""
    return Starlette(routes=health_routes(health))
