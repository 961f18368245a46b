"""One instance of a service: `dispatcher`, or `dispatcher2` beside it, on a port of its own."""

import json
import re
import sys
from typing import Any

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from stack.environment import Settings, base_environment, merged
from stack.errors import StackError
from stack.processes import Child
from stack.rundir import RunDir

MODULES = {
    "api": "services.api",
    "webhook": "services.webhook",
    "dispatcher": "services.dispatcher",
    "reaper": "services.reaper",
    "simulator": "simulator",
}
READY_TIMEOUT = 120.0
STOP_TIMEOUT = 60.0
PROBE_TIMEOUT = aiohttp.ClientTimeout(total=5)
METRICS_TIMEOUT = aiohttp.ClientTimeout(total=60)


class Service:
    """A service's process, its address, log and metrics. The port stays through restarts."""

    def __init__(self, name: str, port: int, settings: Settings, run: RunDir) -> None:
        kind = re.sub(r"\d+$", "", name)
        if kind not in MODULES:
            raise StackError(f"{name!r} is no service; there are {', '.join(MODULES)}")
        self.name = name
        self.kind = kind
        self.port = port
        self.url = f"http://127.0.0.1:{self.port}"
        self._settings = settings
        self._run = run
        self.child = self._child({})

    async def start(self, settings: Settings, *, until: str | None) -> None:
        """Start it, with these settings on top, and wait until it answers 200 at the path `until`."""
        self.launch(settings)
        if until is not None:
            await self.child.until(lambda: self.answers(until), READY_TIMEOUT)

    def launch(self, settings: Settings) -> None:
        if self.child.running:
            raise StackError(f"{self.name} is already running")
        self.child.end()
        self.child = self._child(settings)
        self.child.start()

    async def stop(self) -> int | None:
        """Ask it to end, and give its exit status."""
        return await self.child.stop(STOP_TIMEOUT)

    async def answers(self, path: str = "/readyz") -> bool:
        """Whether it answers 200 there within five seconds."""
        try:
            async with (
                aiohttp.ClientSession(timeout=PROBE_TIMEOUT) as session,
                session.get(self.url + path) as answer,
            ):
                return answer.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False

    async def metrics(self) -> dict[str, float]:
        """Its metrics now, each sample by name and labels: `ringfence_runs{status="running"}`."""
        async with (
            aiohttp.ClientSession(timeout=METRICS_TIMEOUT) as session,
            session.get(f"{self.url}/metrics") as answer,
        ):
            text = await answer.text()
        families = text_string_to_metric_families(text)
        return {_sample(s.name, s.labels): s.value for family in families for s in family.samples}

    def logs(self) -> list[dict[str, Any]]:
        """What it logged since the system was started, lines that are no JSON objects left out."""
        text = self.child.log.read_text(errors="replace") if self.child.log.exists() else ""
        return [json.loads(line) for line in text.splitlines() if line.startswith("{") and line.endswith("}")]

    def _child(self, settings: Settings) -> Child:
        env = merged(base_environment(), self._settings, {"HOST": "127.0.0.1", "PORT": str(self.port)}, settings)
        command = [sys.executable, "-m", MODULES[self.kind]]
        return Child(self.name, command, env=env, log=self._run.log(self.name), cwd=self._run.path)


def _sample(name: str, labels: dict[str, str]) -> str:
    inside = ",".join(f'{key}="{value}"' for key, value in sorted(labels.items()))
    return f"{name}{{{inside}}}" if inside else name
