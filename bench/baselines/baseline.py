"""What the three baselines have in common as engines of the bench: their processes, tables, and their end.

A business and a run are new with every piece of work, so that one engine can be given several.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import aiohttp
import psycopg

from bench.baselines.history import HeldSlot
from bench.baselines.judging import judge_baseline, rest
from bench.baselines.sessions import kill_session
from bench.baselines.settings import Settings
from bench.judging import Judged
from bench.site import Site
from bench.work import Work
from stack.environment import base_environment
from stack.ports import free_port
from stack.processes import Child

SCHEMA = Path(__file__).with_name("schema.sql")
READY_TIMEOUT = 120.0
REST_TIMEOUT = 15.0
LOOK_EVERY = 0.2
ADD_BUSINESSES = "INSERT INTO businesses (cap) SELECT %s FROM generate_series(1, %s) RETURNING id"
ADD_RUNS = "INSERT INTO runs (business_id) SELECT unnest(%s::bigint[]) RETURNING id, business_id"
COPY_JOBS = "COPY jobs (run_id, business_id, phone) FROM STDIN"
JOBS_OF = "SELECT run_id, array_agg(id ORDER BY id) FROM jobs WHERE run_id = ANY (%s) GROUP BY 1 ORDER BY 1"
STOP_RUNS = "UPDATE runs SET status = 'stopped', ended_at = clock_timestamp() WHERE status = 'running'"
CANCEL_JOBS = "UPDATE jobs SET status = 'cancelled' WHERE status = 'queued'"
LIVE = "SELECT count(*) FROM jobs WHERE status IN ('dialing', 'calling')"


@dataclass(frozen=True)
class Run:
    """One business's campaign as it is handed in; jobs in the order of ringing."""

    id: int
    business_id: int
    cap: int
    jobs: Sequence[int]


class Baseline:
    """An engine of the bench. A design says what its workers are, how work gets to them and what slots are held."""

    name: str
    package: str
    most_calls: float | None = 300.0

    def __init__(self, site: Site) -> None:
        self.site = site
        port = free_port()
        secrets = site.stack.secrets
        self.settings = Settings(
            database_url=_with_schema(site.database.url),
            amqp_url=site.stack.amqp_url,
            redis_url="",
            provider_url=site.stack.url("simulator"),
            account_sid=secrets["TWILIO_ACCOUNT_SID"],
            auth_token=secrets["TWILIO_AUTH_TOKEN"],
            from_number=secrets["TWILIO_FROM_NUMBER"],
            public_url=f"http://127.0.0.1:{port}",
        )
        self._port = port
        self.webhook: Child | None = None
        self.worker: Child | None = None
        self.starts = 0
        """How often the workers were started: what they left when they were killed may still be counted."""

    async def open(self) -> None:
        """Make the tables, start the endpoint and the workers."""
        async with await self.connect() as connection:
            await connection.execute(SCHEMA.read_text())
        await self.prepare()
        uvicorn = ["-m", "uvicorn", f"{self.package}.webhook:app", "--port", str(self._port)]
        self.webhook = self.child("webhook", [*uvicorn, "--no-access-log", "--log-level", "warning"])
        self.worker = self.child("worker", self.worker_command())
        self.webhook.start()
        await self.webhook.until(self._webhook_answers, READY_TIMEOUT)
        await self._start_workers()

    async def start(self, work: Work) -> None:
        """Businesses, runs and jobs in the tables, then hand the runs to the design."""
        await self.hand_in(await self._add(work))

    async def stop(self) -> None:
        """Cancel what is queued, and wait until no call is under way, as far as the tables know."""
        async with await self.connect() as connection:
            await connection.execute(STOP_RUNS)
            await connection.execute(CANCEL_JOBS)
        await self.rest()

    async def rest(self) -> None:
        """Wait until no job is in hand; a job that stays so for ever is what the judge is for."""
        deadline = time.monotonic() + REST_TIMEOUT
        async with await self.connect() as connection:
            while time.monotonic() < deadline:
                live = await (await connection.execute(LIVE)).fetchone()
                if live == (0,):
                    return
                await asyncio.sleep(LOOK_EVERY)

    async def crash(self) -> None:
        """SIGKILL for the workers with all that they started, and start them again."""
        if self.worker is not None:
            kill_session(self.worker)
        await self._start_workers()

    def processes(self) -> Mapping[str, Sequence[int]]:
        children = {"worker": self.worker, "webhook": self.webhook, **self.servers()}
        return {name: [child.pid] for name, child in children.items() if child is not None and child.running}

    async def judged(self, *, wait: float = REST_TIMEOUT) -> Judged:
        await rest(self.site.ledger, wait)
        return await judge_baseline(self.site.ledger, self.settings.database_url, await self.held_slots())

    async def close(self) -> None:
        for child in (self.worker, self.webhook, *self.servers().values()):
            if child is not None:
                kill_session(child)

    async def prepare(self) -> None:
        """Servers and tables of the design's own; called once, before any process starts."""

    def servers(self) -> Mapping[str, Child]:
        """Servers of the design's own."""
        return {}

    def worker_command(self) -> Sequence[str]:
        """Arguments of Python that make a worker."""
        raise NotImplementedError

    async def workers_ready(self) -> bool:
        """Whether they take work."""
        raise NotImplementedError

    async def hand_in(self, runs: Sequence[Run]) -> None:
        """Give the runs to the workers."""
        raise NotImplementedError

    async def held_slots(self) -> Iterable[HeldSlot]:
        """The slots that are taken, where they are kept elsewhere than in the jobs."""
        return ()

    async def connect(self) -> psycopg.AsyncConnection:
        """A connection that commits each statement by itself."""
        return await psycopg.AsyncConnection.connect(self.settings.database_url, autocommit=True)

    def child(self, name: str, arguments: Sequence[str]) -> Child:
        """A Python of this design, with its settings."""
        env = {**base_environment(), **self.settings.as_environment()}
        run = self.site.stack.run
        return Child(name, [sys.executable, *arguments], env=env, log=run.log(f"{self.name}-{name}"), cwd=run.path)

    async def _start_workers(self) -> None:
        if self.worker is not None:
            self.starts += 1
            self.worker.start()
            await self.worker.until(self.workers_ready, READY_TIMEOUT)

    async def _add(self, work: Work) -> list[Run]:
        async with await self.connect() as connection:
            rows = await (await connection.execute(ADD_BUSINESSES, [work.cap, work.businesses])).fetchall()
            ids = sorted(row[0] for row in rows)
            run_of = {b: run for run, b in await (await connection.execute(ADD_RUNS, [ids])).fetchall()}
            async with connection.cursor() as cursor, cursor.copy(COPY_JOBS) as copy:
                for number, business_id in enumerate(ids):
                    for phone in work.phones(number):
                        await copy.write_row((run_of[business_id], business_id, phone))
            own = await (await connection.execute(JOBS_OF, [list(run_of.values())])).fetchall()
        jobs = dict(own)
        return [Run(run_of[id_], id_, work.cap, jobs[run_of[id_]]) for id_ in ids]

    async def _webhook_answers(self) -> bool:
        try:
            async with aiohttp.ClientSession() as http, http.get(f"{self.settings.public_url}/healthz") as answer:
                return answer.status == 204
        except aiohttp.ClientError:
            return False


def _with_schema(url: str) -> str:
    return f"{url}{'&' if '?' in url else '?'}options={quote('-csearch_path=baseline')}"
