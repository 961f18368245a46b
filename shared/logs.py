"""Log lines: one JSON object a line on standard output, or coloured text for people.

Rules: every line has `ts`, `level`, `event`, `service` and `WORKER_ID`; nothing leaves this process before
`shared.masking` has seen it, whoever logged it: the standard library's loggers end in the same renderer.
"""

from __future__ import annotations

import logging
import os
import socket
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from typing import Any, Literal

import orjson
import structlog
from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger

from shared import masking, metrics

QUIET = ("twilio", "aiormq", "uvicorn", "faststream.access", "sqlalchemy", "alembic.runtime.plugins", "asyncio")
"""Libraries whose everyday lines say nothing about a campaign: only their warnings are kept."""


@cache
def worker_id() -> str:
    """Return this process's name, `hostname:pid`."""
    return f"{socket.gethostname()}:{os.getpid()}"


def logger() -> FilteringBoundLogger:
    """Return the logger of our own code: `log.info("CALL_STARTED", call_id=7)`."""
    made: FilteringBoundLogger = structlog.get_logger()
    return made


def configure(
    service: str, level: str = "INFO", fmt: Literal["json", "console"] = "json", secrets: Iterable[str] = ()
) -> None:
    """Send every log line of this process to standard output; `secrets` are values that no line may hold."""
    masking.hide(*secrets)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,
            _Frame(service),
            _render_json if fmt == "json" else _console(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        logger_factory=lambda *_: _StandardOutput(),
        cache_logger_on_first_use=False,
    )
    _route_standard_library(level)


class _Frame:
    """Masks what was logged, then puts the keys of every line around it."""

    def __init__(self, service: str) -> None:
        self._service = service
        self._worker = worker_id()

    def __call__(self, _logger: WrappedLogger, method: str, event_dict: EventDict) -> EventDict:
        fields = masking.mask_fields(event_dict)
        event = fields.pop("event", "")
        framed: dict[str, Any] = {
            "ts": datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
            "level": "ERROR" if method == "exception" else method.upper(),
            "event": event,
            "service": self._service,
            "WORKER_ID": self._worker,
        }
        return fields | framed if fields.keys() & framed.keys() else framed | fields


def _render_json(_logger: WrappedLogger, _method: str, event_dict: EventDict) -> str:
    return orjson.dumps(event_dict).decode()


def _console() -> Any:
    return structlog.dev.ConsoleRenderer(
        colors=sys.stdout.isatty(),
        timestamp_key="ts",
        exception_formatter=structlog.dev.plain_traceback,
    )


class _StandardOutput:
    """Writes a line whole. A log that cannot be written must not stop a call from being recorded."""

    def msg(self, line: str) -> None:
        try:
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()
        except (OSError, ValueError):
            metrics.LOOP_ERRORS.labels(loop="log").inc()

    debug = info = warning = error = critical = exception = log = msg


class _Bridge(logging.Handler):
    """Hands a record of the standard library's logging to our renderer."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            message = record.getMessage()
        except Exception as error:  # a library's own mistake in its arguments
            message = f"{record.msg} ({error!r})"
        level = max(logging.DEBUG, min(record.levelno, logging.CRITICAL))
        fields: dict[str, Any] = {"logger": record.name}
        if record.exc_info and record.exc_info[1] is not None:
            fields["exc_info"] = record.exc_info
        logger().log(level // 10 * 10, message, **fields)


def _route_standard_library(level: str) -> None:
    for name in list(logging.root.manager.loggerDict):
        other = logging.getLogger(name)
        other.handlers.clear()
        other.propagate = True
    root = logging.getLogger()
    root.handlers[:] = [_Bridge()]
    own = logging.getLevelNamesMapping()[level]
    root.setLevel(max(own, logging.INFO))
    for name in QUIET:
        logging.getLogger(name).setLevel(max(own, logging.WARNING))
    logging.getLogger("uvicorn.access").disabled = True
    logging.captureWarnings(capture=True)
