"""The life of a process: exit statuses, signals, requests in flight, background work that dies or stumbles."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
import textwrap
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from prometheus_client import Counter
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from shared import logs, metrics
from shared.errors import DatabaseAway
from shared.process import YOUNG_OBJECTS, CannotListen, Stop, Tasks, every, serve
from stack.environment import base_environment

PATIENCE = 120.0
ENVIRONMENT = {
    **base_environment(),
    "DATABASE_URL": "postgresql://ring:hunter2@127.0.0.1/x",
    "AMQP_URL": "amqp://127.0.0.1",
    "WEBHOOK_PUBLIC_URL": "https://calls.example.com",
}
PREAMBLE = """
    import asyncio, sys
    from shared.errors import SchemaTooOld
    from shared.health import Health, health_app
    from shared.process import Tasks, every, run, serve
"""


class Program:
    """A process that runs `main(settings, stop)` as a service would."""

    def __init__(self, folder: Path, body: str, **environment: str) -> None:
        code = textwrap.dedent(PREAMBLE) + textwrap.dedent(body) + "\nrun('reaper', main)\n"
        self.process = subprocess.Popen(
            [sys.executable, "-c", code],
            cwd=folder,
            env=ENVIRONMENT | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.lines: list[dict[str, Any]] = []
        self.limit = threading.Timer(PATIENCE, self.process.kill)
        self.limit.start()

    def until(self, event: str) -> dict[str, Any]:
        """Read lines until this event; a process that hangs is killed, which ends the reading."""
        assert self.process.stdout is not None
        for text in self.process.stdout:
            self.lines.append(orjson.loads(text))
            if self.lines[-1]["event"] == event:
                return self.lines[-1]
        raise AssertionError(f"{event} never came: {self.lines}")

    def end(self, *signals: signal.Signals) -> tuple[int, str]:
        for sign in signals:
            self.process.send_signal(sign)
        out, err = self.process.communicate(timeout=PATIENCE)
        self.lines += [orjson.loads(text) for text in out.splitlines()]
        return self.process.returncode, err

    @property
    def events(self) -> list[str]:
        return [line["event"] for line in self.lines]


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Callable[..., Program]]:
    started: list[Program] = []

    def start(body: str, **environment: str) -> Program:
        started.append(Program(tmp_path, body, **environment))
        return started[-1]

    yield start
    for one in started:
        one.limit.cancel()
        if one.process.poll() is None:
            one.process.kill()
        one.process.communicate()


@pytest.mark.parametrize("signals", [["SIGTERM"], ["SIGINT"], ["SIGINT", "SIGTERM", "SIGTERM"]])
def test_a_signal_ends_a_process_cleanly_however_often_it_comes(
    program: Callable[..., Program], signals: list[str]
) -> None:
    waiting = program("""
        async def main(settings, stop):
            await stop.wait()
            await asyncio.sleep(0.2)
    """)
    started = waiting.until("WORKER_START")
    assert (started["service"], started["port"]) == ("reaper", 8003)
    status, err = waiting.end(*(signal.Signals[name] for name in signals))
    assert (status, err) == (0, "")
    assert waiting.events == ["WORKER_START", "STOPPING", "WORKER_STOP"]
    assert waiting.lines[-1]["reason"] in signals


def test_a_service_searches_its_young_objects_for_cycles_and_never_what_it_imported(
    program: Callable[..., Program],
) -> None:
    looking = program("""
        import gc
        from shared.logs import logger

        async def main(settings, stop):
            logger().info("COLLECTOR", on=gc.isenabled(), young=gc.get_threshold()[0], frozen=gc.get_freeze_count())
    """)
    told = looking.until("COLLECTOR")
    assert looking.end() == (0, "")
    assert (told["on"], told["young"]) == (True, YOUNG_OBJECTS)
    assert told["frozen"] > YOUNG_OBJECTS


def test_a_failure_is_one_error_line_and_status_1(program: Callable[..., Program]) -> None:
    failing = program("""
        async def main(settings, stop):
            raise RuntimeError("no good: postgresql://ring:hunter2@127.0.0.1/x")
    """)
    status, err = failing.end()
    assert (status, err) == (1, "")
    assert failing.events == ["WORKER_START", "WORKER_FAILED"]
    assert failing.lines[-1]["level"] == "ERROR"
    assert "Traceback" in failing.lines[-1]["exception"]
    assert "hunter2" not in str(failing.lines)


@pytest.mark.parametrize("raised", ["SchemaTooOld()", "ExceptionGroup('x', [SchemaTooOld()])"])
def test_an_old_schema_is_one_line_and_status_3(program: Callable[..., Program], raised: str) -> None:
    old = program(f"""
        async def main(settings, stop):
            raise {raised}
    """)
    status, err = old.end()
    assert (status, err) == (3, "")
    assert old.events == ["WORKER_START", "SCHEMA_TOO_OLD"]
    assert "shared.migrations" in old.lines[-1]["reason"]
    assert "exception" not in old.lines[-1]


def test_bad_settings_are_status_2_and_nothing_runs(program: Callable[..., Program]) -> None:
    bad = program("async def main(settings, stop): ...", PORT="abc")
    status, err = bad.end()
    assert status == 2
    assert "PORT" in err
    assert bad.lines == []


def test_a_dead_background_task_takes_the_process_with_it(program: Callable[..., Program]) -> None:
    dying = program("""
        async def die():
            raise RuntimeError("disk full")

        async def main(settings, stop):
            async with Tasks(stop) as tasks:
                tasks.start("sweep", die())
                await stop.wait()
    """)
    status, err = dying.end()
    assert (status, err) == (1, "")
    assert dying.events == ["WORKER_START", "TASK_DIED", "WORKER_STOP"]
    assert (dying.lines[1]["task"], dying.lines[1]["reason"]) == ("sweep", "disk full")


def test_a_taken_port_is_one_line_and_status_1(program: Callable[..., Program]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        late = program(
            """
            async def main(settings, stop):
                await serve(health_app(Health({"database"})), settings.host, settings.port, stop, grace=5)
            """,
            PORT=str(port),
        )
        status, err = late.end()
    assert (status, err) == (1, "")
    assert late.events == ["WORKER_START", "CANNOT_LISTEN"]
    assert f"127.0.0.1 port {port}" in late.lines[-1]["reason"]


def test_an_application_that_does_not_start_is_status_1(program: Callable[..., Program]) -> None:
    broken = program("""
        from contextlib import asynccontextmanager
        from starlette.applications import Starlette

        @asynccontextmanager
        async def lifespan(app):
            raise RuntimeError("no pool")
            yield

        async def main(settings, stop):
            await serve(Starlette(lifespan=lifespan), settings.host, settings.port, stop, grace=5)
    """)
    broken.process.wait(PATIENCE)
    assert broken.end()[0] == 1
    assert broken.events[-1] == "WORKER_FAILED"


def test_a_request_in_flight_is_answered_before_the_process_ends(
    program: Callable[..., Program], unused_tcp_port: int
) -> None:
    serving = program(
        """
        from starlette.applications import Starlette
        from starlette.responses import PlainTextResponse
        from starlette.routing import Route

        async def main(settings, stop):
            async def slow(request):
                sys.stdout.write('{"event": "ASKED"}\\n')
                sys.stdout.flush()
                await stop.wait()
                await asyncio.sleep(0.5)
                return PlainTextResponse("done")

            await serve(Starlette(routes=[Route("/", slow)]), settings.host, settings.port, stop, grace=20)
        """,
        PORT=str(unused_tcp_port),
    )
    assert serving.until("LISTENING")["port"] == unused_tcp_port
    with socket.create_connection(("127.0.0.1", unused_tcp_port), timeout=PATIENCE) as caller:
        caller.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        serving.until("ASKED")
        status, err = serving.end(signal.SIGTERM)
        answer = caller.recv(4096)
    assert (status, err) == (0, "")
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"server:" not in answer
    assert serving.events[-2:] == ["STOPPING", "WORKER_STOP"]


class Server:
    """`serve` within the test's own loop."""

    def __init__(self) -> None:
        self.stop = Stop()
        self.asked = asyncio.Event()
        self.let_go = asyncio.Event()
        self.app = Starlette(routes=[Route("/", self.wait)])

    async def wait(self, _: Request) -> Response:
        self.asked.set()
        await self.let_go.wait()
        return PlainTextResponse("done")


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    made = Server()
    yield made
    made.let_go.set()
    made.stop.set()


async def test_a_request_that_outlasts_the_grace_is_cut_off(
    server: Server, unused_tcp_port: int, configured_logs: None
) -> None:
    logs.configure("api", "ERROR")
    serving = asyncio.create_task(serve(server.app, "127.0.0.1", unused_tcp_port, server.stop, grace=1))
    async with httpx.AsyncClient() as client:
        asking = asyncio.create_task(connected(client, f"http://127.0.0.1:{unused_tcp_port}/"))
        await asyncio.wait_for(server.asked.wait(), PATIENCE)
        server.stop.set()
        await asyncio.wait_for(serving, PATIENCE)
        answer = (await asyncio.gather(asking, return_exceptions=True))[0]
    assert isinstance(answer, httpx.RemoteProtocolError) or (
        isinstance(answer, httpx.Response) and answer.status_code == 500
    )


async def connected(client: httpx.AsyncClient, url: str) -> httpx.Response:
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                return await client.get(url, timeout=PATIENCE)
            except httpx.ConnectError:
                await asyncio.sleep(0.05)


@pytest.mark.parametrize("host", ["no-such-host.invalid", "192.0.2.1"])
async def test_a_host_that_is_not_ours_is_refused_by_name(server: Server, host: str) -> None:
    with pytest.raises(CannotListen, match=host):
        await serve(server.app, host, 0, server.stop, grace=1)


async def test_the_first_reason_to_stop_is_kept_and_a_failure_is_never_forgotten() -> None:
    stop = Stop()
    stop.set("SIGTERM")
    stop.fail("task x died")
    assert (stop.reason, stop.status) == ("SIGTERM", 1)


async def test_a_wait_ends_with_the_stop_or_with_its_time() -> None:
    stop = Stop()
    assert await stop.within(0.01) is False
    assert await stop.within(-1) is False
    asyncio.get_running_loop().call_later(0.01, stop.set)
    assert await stop.within(PATIENCE) is True
    assert await stop.within(0) is True


async def forever() -> None:
    await asyncio.Event().wait()


async def at_once() -> None:
    return


@pytest.mark.parametrize("how", ["returns", "cancelled"])
async def test_a_task_that_ends_unasked_is_reported_once(
    how: str, log_lines: Callable[[], list[dict[str, Any]]]
) -> None:
    logs.configure("reaper")
    stop = Stop()
    async with Tasks(stop) as tasks:
        task = tasks.start("consumer", at_once() if how == "returns" else forever())
        await asyncio.sleep(0)
        if how == "cancelled":
            task.cancel()
        await asyncio.wait_for(stop.wait(), PATIENCE)
    assert [(line["event"], line["task"]) for line in log_lines()] == [("TASK_DIED", "consumer")]
    assert (stop.status, stop.reason) == (1, "task consumer died")


async def test_a_task_that_may_end_does_so_quietly(log_lines: Callable[[], list[dict[str, Any]]]) -> None:
    logs.configure("reaper")
    stop = Stop()
    async with Tasks(stop) as tasks:
        await asyncio.wait_for(tasks.start("announce", at_once(), once=True), PATIENCE)
    assert log_lines() == []
    assert not stop.is_set()


async def test_tasks_that_notice_the_stop_end_by_themselves_and_the_others_are_cancelled(
    log_lines: Callable[[], list[dict[str, Any]]],
) -> None:
    logs.configure("reaper")
    stop = Stop()
    ended: list[str] = []

    async def polite() -> None:
        await stop.wait()
        await asyncio.sleep(0.05)
        ended.append("polite")

    async with Tasks(stop, grace=0.5) as tasks:
        tasks.start("polite", polite())
        deaf = tasks.start("deaf", forever())
        stop.set()
    assert ended == ["polite"]
    assert deaf.cancelled()
    assert [(line["event"], line["task"]) for line in log_lines()] == [("TASK_CANCELLED", "deaf")]
    assert stop.status == 0


async def test_an_error_in_the_block_cancels_the_tasks_at_once() -> None:
    started: list[asyncio.Task[None]] = []

    async def fail() -> None:
        async with Tasks(Stop(), grace=1000) as tasks:
            started.append(tasks.start("deaf", forever()))
            await asyncio.sleep(0)
            raise RuntimeError("no port")

    with pytest.raises(RuntimeError, match="no port"):
        await asyncio.wait_for(fail(), PATIENCE)
    assert started[0].cancelled()


def counted(loop: str) -> float:
    counter: Counter = metrics.LOOP_ERRORS.labels(loop=loop)
    return sum(sample.value for family in counter.collect() for sample in family.samples)


async def test_periodic_work_survives_its_failures_each_logged_and_counted_once(
    log_lines: Callable[[], list[dict[str, Any]]],
) -> None:
    logs.configure("reaper")
    stop = Stop()
    steps: list[Exception | None] = [DatabaseAway(), ValueError("odd"), None, DatabaseAway("again")]

    async def work() -> None:
        if not steps:
            stop.set()
            return
        if step := steps.pop(0):
            raise step

    before = counted("sweep-test")
    await asyncio.wait_for(every(0.01, stop, work, "sweep-test"), PATIENCE)
    lines = log_lines()
    assert [(line["level"], line["error"], line["failures"]) for line in lines] == [
        ("WARNING", "DatabaseAway", 1),
        ("ERROR", "ValueError", 2),
        ("WARNING", "DatabaseAway", 1),
    ]
    assert ["exception" in line for line in lines] == [False, True, False]
    assert {line["loop"] for line in lines} == {"sweep-test"}
    assert counted("sweep-test") - before == 3


async def test_periodic_work_ends_with_the_stop_and_not_with_its_period() -> None:
    stop = Stop()
    turns = 0
    turned = asyncio.Event()

    async def work() -> None:
        nonlocal turns
        turns += 1
        turned.set()

    loop = asyncio.create_task(every(10_000, stop, work, "slow"))
    await asyncio.wait_for(turned.wait(), PATIENCE)
    stop.set()
    await asyncio.wait_for(loop, PATIENCE)
    assert turns == 1


async def test_periodic_work_that_outlasts_its_period_still_lets_others_run() -> None:
    stop = Stop()
    turns = 0

    async def busy() -> None:
        nonlocal turns
        turns += 1
        if turns > 1_000_000:
            raise AssertionError("nobody else ever ran")

    loop = asyncio.create_task(every(1e-9, stop, busy, "busy"))
    await asyncio.sleep(0.01)
    stop.set()
    await asyncio.wait_for(loop, PATIENCE)
    assert turns > 0
