"""A Prometheus, an Alertmanager and a receiver of its pages, on loopback, for one test."""

from __future__ import annotations

import json
import re
import secrets
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import yaml
from aiohttp import web

from stack.ports import free_port
from stack.processes import Child
from stack.system import Stack
from tests.deploy.monitoring.programs import PROMETHEUS, program

PATIENCE = 300.0
INTERVAL = "2s"
OTHERS_INTERVAL = "10s"
"""Exporters ask their server at each scrape, which takes seconds on a busy machine."""
QUERY_TIMEOUT = aiohttp.ClientTimeout(total=60)
DETAILED = {"family": ["queue_coarse_metrics", "queue_consumer_count"]}

Json = dict[str, Any]


def own_targets(stack: Stack, *names: str) -> list[Json]:
    """The scrape job of our own services, named as in compose file and chart."""
    groups = [{"targets": [stack.url(name).removeprefix("http://")], "labels": {"service": name}} for name in names]
    return [{"job_name": "ringfence", "static_configs": groups}]


def other_targets(rabbitmq: int, postgres: int) -> list[Json]:
    """The scrape jobs of the servers' exporters, by their ports."""
    pace = {"scrape_interval": OTHERS_INTERVAL, "scrape_timeout": OTHERS_INTERVAL}
    broker: Json = {"static_configs": [{"targets": [f"127.0.0.1:{rabbitmq}"]}], **pace}
    return [
        {"job_name": "rabbitmq", **broker},
        {"job_name": "rabbitmq-detailed", "metrics_path": "/metrics/detailed", "params": DETAILED, **broker},
        {"job_name": "postgresql", "static_configs": [{"targets": [f"127.0.0.1:{postgres}"]}], **pace},
    ]


class Watcher:
    """A program that listens on a port and says when it is ready."""

    def __init__(self, child: Child, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.child = child

    async def start(self) -> None:
        self.child.start()
        await self.child.until(self._ready, PATIENCE)

    async def ask(self, path: str, **params: str | float) -> Any:
        """The answer to a GET, as JSON."""
        async with (
            aiohttp.ClientSession(timeout=QUERY_TIMEOUT) as session,
            session.get(self.url + path, params=params) as answer,
        ):
            return json.loads(await answer.text())

    async def _ready(self) -> bool:
        try:
            async with (
                aiohttp.ClientSession(timeout=QUERY_TIMEOUT) as session,
                session.get(f"{self.url}/-/ready") as answer,
            ):
                return answer.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False


def prometheus(stack: Stack, scrape: list[Json], *, alertmanager: str | None = None) -> Watcher:
    """A Prometheus with the rules as they are committed, which looks every two seconds."""
    home = stack.run.state / "prometheus"
    home.mkdir()
    shutil.copy(PROMETHEUS / "rules.yml", home)
    config: Json = {
        "global": {"scrape_interval": INTERVAL, "scrape_timeout": INTERVAL, "evaluation_interval": INTERVAL},
        "rule_files": ["rules.yml"],
        "scrape_configs": scrape,
    }
    if alertmanager:
        config["alerting"] = {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]}
    (home / "prometheus.yml").write_text(yaml.safe_dump(config))
    port = free_port()
    flags = [f"--config.file={home / 'prometheus.yml'}", f"--storage.tsdb.path={home / 'data'}"]
    return _watcher(stack, "prometheus", [*flags, f"--web.listen-address=127.0.0.1:{port}"], home, port)


def alertmanager(stack: Stack, receiver: str) -> Watcher:
    """An Alertmanager with the committed example, in which only addresses and pauses are others."""
    home = stack.run.state / "alertmanager"
    home.mkdir()
    text = (PROMETHEUS / "alertmanager.yml").read_text()
    text = re.sub(r"http://(pager|chat)\.example\.com/ringfence", rf"{receiver}/\1", text)
    text = text.replace("group_wait: 15s", "group_wait: 1s").replace("group_interval: 2m", "group_interval: 1s")
    (home / "alertmanager.yml").write_text(text)
    port = free_port()
    flags = [
        f"--config.file={home / 'alertmanager.yml'}",
        f"--storage.path={home / 'data'}",
        "--cluster.listen-address=",
    ]
    return _watcher(stack, "prometheus-alertmanager", [*flags, f"--web.listen-address=127.0.0.1:{port}"], home, port)


async def postgres_exporter(stack: Stack, port: int) -> Child:
    """The exporter of the system's database, as a user that may look at everything and nothing else."""
    database = stack.database_url.rsplit("/", 1)[1]
    password = secrets.token_hex(16)
    connection = await asyncpg.connect(stack.postgres.address.url(database))
    try:
        # the exporter's driver refuses the single iteration that makes our own connections quick
        await connection.execute("SET scram_iterations = 4096")
        await connection.execute(f"CREATE ROLE exporter LOGIN PASSWORD '{password}' IN ROLE pg_monitor")
    finally:
        await connection.close()
    url = stack.postgres.address.url(database, user="exporter", password=password)
    flags = [f"--web.listen-address=127.0.0.1:{port}", "--disable-settings-metrics"]
    env = {"DATA_SOURCE_NAME": f"{url}?sslmode=disable", "PATH": "/usr/bin:/bin"}
    command = [program("prometheus-postgres-exporter"), *flags]
    return Child("postgres-exporter", command, env=env, log=stack.run.log("postgres-exporter"))


def _watcher(stack: Stack, name: str, flags: list[str], home: Path, port: int) -> Watcher:
    child = Child(name, [program(name), *flags], env={"PATH": "/usr/bin:/bin"}, log=stack.run.log(name), cwd=home)
    return Watcher(child, port)


@dataclass
class Receiver:
    """Who is woken: takes what Alertmanager sends to the pager and to the channel."""

    port: int = field(default_factory=free_port)
    told: list[tuple[str, str, Json]] = field(default_factory=list)
    """Receiver, status and labels of each alert told, with its annotations under `annotations`."""
    _runner: web.AppRunner | None = None

    async def __aenter__(self) -> Receiver:
        app = web.Application()
        app.router.add_post("/{who}", self._take)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    def heard(self, who: str, status: str, alertname: str) -> Json | None:
        """What was told of an alert, or None."""
        for to, how, alert in self.told:
            if (to, how, alert["alertname"]) == (who, status, alertname):
                return alert
        return None

    async def _take(self, request: web.Request) -> web.Response:
        message = await request.json()
        for alert in message["alerts"]:
            labels = {**alert["labels"], "annotations": alert["annotations"], "at": time.monotonic()}
            self.told.append((request.match_info["who"], alert["status"], labels))
        return web.Response()
