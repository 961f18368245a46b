"""Log lines on standard output, one JSON object each."""

import logging
from typing import Literal

import structlog


def configure(level: str, form: Literal["json", "console"]) -> None:
    """Set up structlog; raises ValueError for an unknown level."""
    number = logging.getLevelNamesMapping().get(level.upper())
    if number is None:
        raise ValueError(f"LOG_LEVEL {level!r} is unknown")
    render = structlog.processors.JSONRenderer() if form == "json" else structlog.dev.ConsoleRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="ts"),
            _service,
            render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(),
        cache_logger_on_first_use=False,
    )


def _service(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    event["service"] = "simulator"
    return event


def masked(number: str) -> str:
    """A phone number with its middle hidden."""
    return number[:4] + "*" * max(0, len(number) - 6) + number[-2:]
