"""The life of a service's process: settings, logs, signals, the HTTP port, background work, and the exit status.

Rules: a signal only sets `Stop`; everything that runs watches it and ends by itself. Exit status 0 is a clean stop,
1 a failure (one ERROR line says which), 2 bad settings, 3 a database schema that is too old. A background task that
ends while nobody asked it to takes the process with it: half a service is worse than none.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import math
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from types import FrameType, TracebackType
from typing import Any, NoReturn, Self

import structlog
import uvicorn
import uvloop

from shared import crashpoints, logs, metrics
from shared.bounded_http import BoundedHttp
from shared.errors import IsolationBroken, RingfenceError, SchemaTooOld
from shared.settings import Service, Settings, load_settings

CLEAN, FAILED, OLD_SCHEMA = 0, 1, 3
SIGNALS = (signal.SIGTERM, signal.SIGINT)
BACKLOG = 2048
YOUNG_OBJECTS = 20_000
"""Objects that live before they are searched for cycles; Python's own 700 are those of a few requests in flight."""
LONGEST_BACKOFF = 5.0
"""Seconds between two tries of failing periodic work at most, unless its period is longer: servers come back."""

log = logs.logger()


class CannotListen(RingfenceError):
    """The port cannot be listened on."""


class Stop(asyncio.Event):
    """Set when the process should end; `reason` says why and `status` is the exit status it will have."""

    def __init__(self) -> None:
        super().__init__()
        self.reason: str | None = None
        self.status = CLEAN

    def set(self, reason: str = "asked") -> None:
        """Ask everything to end; the first reason is kept."""
        if not self.is_set():
            self.reason = reason
        super().set()

    def fail(self, reason: str) -> None:
        """Ask everything to end, with exit status 1."""
        self.status = FAILED
        self.set(reason)

    async def within(self, seconds: float) -> bool:
        """Wait for the stop at most so long and return whether it came: what loops do instead of sleeping."""
        try:
            async with asyncio.timeout(max(seconds, 0)):
                await self.wait()
        except TimeoutError:
            return self.is_set()
        return True


Main = Callable[[Settings, Stop], Coroutine[Any, Any, None]]


def run(service: Service, main: Main) -> NoReturn:
    """Run a service until it is told to stop, and end the process."""
    for sign in SIGNALS:
        signal.signal(sign, _before_start)
    settings = load_settings(service)
    crashpoints.arm(service)
    logs.configure(service, settings.log_level, settings.log_format, settings.secret_values())
    _relieve_collector()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        status = runner.run(_supervised(main, settings))
    sys.exit(status)


def _relieve_collector() -> None:
    """Search for cycles more rarely, and never among what the imports made: that took a fifth of a busy service's CPU.

    What is in no cycle, nearly everything, goes at once as ever.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS)


def _before_start(_number: int, _frame: FrameType | None) -> NoReturn:
    sys.exit(CLEAN)


async def _supervised(main: Main, settings: Settings) -> int:
    stop = Stop()
    _handle_signals(stop, asyncio.get_running_loop())
    log.info("WORKER_START", host=settings.host, port=settings.port)
    try:
        await main(settings, stop)
    except Exception as error:
        return _explain(error)
    finally:
        for sign in SIGNALS:
            signal.signal(sign, signal.SIG_IGN)
    log.info("WORKER_STOP", reason=stop.reason, status=stop.status)
    return stop.status


def _handle_signals(stop: Stop, loop: asyncio.AbstractEventLoop) -> None:
    """Let signals set the stop.

    Not the loop's own handlers: closing the loop puts the default action back, and a second signal would then kill
    a process that is ending cleanly.
    """

    def handler(number: int, _frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(_signalled, stop, signal.Signals(number))

    for sign in SIGNALS:
        signal.signal(sign, handler)


def _signalled(stop: Stop, sign: signal.Signals) -> None:
    if not stop.is_set():
        log.info("STOPPING", reason=sign.name)
    stop.set(sign.name)


def _explain(error: Exception) -> int:
    cause = error
    while isinstance(cause, ExceptionGroup) and len(cause.exceptions) == 1:
        cause = cause.exceptions[0]
    if isinstance(cause, SchemaTooOld):
        log.error("SCHEMA_TOO_OLD", reason=str(cause))
        return OLD_SCHEMA
    if isinstance(cause, CannotListen):
        log.error("CANNOT_LISTEN", reason=str(cause))
        return FAILED
    if isinstance(cause, IsolationBroken):
        log.error("ISOLATION_BROKEN", reason=str(cause))
        return FAILED
    log.error("WORKER_FAILED", reason=str(cause) or type(cause).__name__, exc_info=error)
    return FAILED


class Tasks:
    """Named background tasks that take the process with them when one dies (`TASK_DIED`).

    Leaving the block gives them `grace` seconds to notice the stop and end by themselves, then cancels them. When the
    block is left by an error nobody has been told to stop, so they are cancelled at once.
    """

    def __init__(self, stop: Stop, *, grace: float = 10.0) -> None:
        self._stop = stop
        self._grace = grace
        self._running: set[asyncio.Task[None]] = set()
        self._closing = False

    def start(self, name: str, work: Coroutine[Any, Any, None], *, once: bool = False) -> asyncio.Task[None]:
        """Start a task that is expected to run until the stop; with `once` it may return before, but not raise."""
        task = asyncio.create_task(self._watched(name, work, once=once), name=name)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    async def _watched(self, name: str, work: Coroutine[Any, Any, None], *, once: bool) -> None:
        try:
            await work
        except asyncio.CancelledError:
            if self._closing:
                raise
            self._died(name, "it was cancelled", None)
        except Exception as error:
            self._died(name, str(error) or type(error).__name__, error)
        else:
            if not once and not self._stop.is_set() and not self._closing:
                self._died(name, "it returned", None)

    def _died(self, name: str, reason: str, error: Exception | None) -> None:
        log.error("TASK_DIED", task=name, reason=reason, exc_info=error)
        self._stop.fail(f"task {name} died")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._running and self._stop.is_set():
            await asyncio.wait(self._running, timeout=self._grace)
        self._closing = True
        late = list(self._running)
        for task in late:
            log.warning("TASK_CANCELLED", task=task.get_name())
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the process: uvicorn would raise them again at the end and spoil the exit status."""
        yield


async def serve(app: Any, host: str, port: int, stop: Stop, *, grace: float) -> None:
    """Serve an ASGI application until the stop, then let requests in flight finish for at most `grace` seconds.

    Raises CannotListen when the port is taken or the host is not ours, RuntimeError when the application did not start.
    """
    sock = _listen(host, port)
    config = uvicorn.Config(
        app,
        http=BoundedHttp,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=math.ceil(grace),
    )
    server = _Server(config)
    ender = asyncio.create_task(_end(server, stop), name="http-stop")
    log.info("LISTENING", host=host, port=sock.getsockname()[1])
    try:
        await server.serve(sockets=[sock])
    except SystemExit:
        raise RuntimeError("the application did not start") from None
    except asyncio.CancelledError:
        if server.started:
            await server.shutdown()  # or the closing loop would cut the application off, and it would log a traceback
        raise
    finally:
        ender.cancel()
        sock.close()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        sock = socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise CannotListen(f"cannot listen on {host} port {port}: {error.strerror or error}") from None
    sock.setblocking(False)  # noqa: FBT003 -- the standard library's own name
    return sock


async def _end(server: uvicorn.Server, stop: Stop) -> None:
    await stop.wait()
    server.should_exit = True


async def every(seconds: float, stop: Stop, fn: Callable[[], Awaitable[None]], name: str) -> None:
    """Run `fn` now and then once per period until the stop.

    A failure is logged once (`LOOP_FAILED`) and counted; repeated ones are tried again after growing pauses of at most
    five seconds or one period, whichever is longer. Work that outlasts its period begins again at once.
    """
    clock = asyncio.get_running_loop().time
    failures = 0
    metrics.LOOP_ERRORS.labels(loop=name)  # at 0, so that the first failure is an increase
    while not stop.is_set():
        began = clock()
        try:
            await fn()
        except Exception as error:
            failures += 1
            report_failure(name, error, failures=failures)
        else:
            failures = 0
        longest = max(seconds, LONGEST_BACKOFF)
        period = min(seconds * 2 ** min(max(failures - 1, 0), 20), longest)
        await stop.within(began + period - clock())


def report_failure(loop: str, error: Exception, **ids: object) -> None:
    """Log and count a failure of background work that goes on; an outage that has a name needs no traceback."""
    metrics.LOOP_ERRORS.labels(loop=loop).inc()
    known = isinstance(error, RingfenceError)
    reason = str(error) or type(error).__name__
    bound: structlog.typing.FilteringBoundLogger = log.bind(loop=loop, reason=reason, **ids)
    if known:
        bound.warning("LOOP_FAILED", error=type(error).__name__)
    else:
        bound.error("LOOP_FAILED", error=type(error).__name__, exc_info=error)
