"""Log lines: their keys, and that no number or secret gets into one by any way."""

from __future__ import annotations

import io
import logging
import os
import re
import socket
import sys
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import pytest
import structlog

from shared import logs, masking, metrics

Lines = Callable[[], list[dict[str, Any]]]
TOKEN = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
AUTH_TOKEN = "0123456789abcdef0123456789abcdef"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJkYW5hIn0.c2lnbmF0dXJlLXRoYXQtaXMtbG9uZw"
NUMBERS = ("+972501234567", "972501234567", "501234567", "0501234567", "2125550123", "7946 0958", "555-0123")


def test_every_line_has_the_documented_keys(log_lines: Lines) -> None:
    logs.configure("webhook")
    logs.logger().info("CALL_ENDED", business_id=1, call_id=7, lock_acquired=True, outcome=None)
    (line,) = log_lines()
    at = datetime.fromisoformat(line.pop("ts"))
    assert at.utcoffset() == datetime.now(UTC).utcoffset()
    assert line == {
        "level": "INFO",
        "event": "CALL_ENDED",
        "service": "webhook",
        "WORKER_ID": f"{socket.gethostname()}:{os.getpid()}",
        "business_id": 1,
        "call_id": 7,
        "lock_acquired": True,
        "outcome": None,
    }


def test_a_field_cannot_take_the_place_of_a_documented_key(log_lines: Lines) -> None:
    logs.configure("api")
    logs.logger().info("X", ts="then", level="none", service="mine", WORKER_ID="me")
    (line,) = log_lines()
    assert (line["level"], line["service"], line["WORKER_ID"]) == ("INFO", "api", logs.worker_id())
    assert line["ts"] != "then"


def test_bound_context_is_on_every_line(log_lines: Lines) -> None:
    logs.configure("api")
    with structlog.contextvars.bound_contextvars(run_id=9):
        logs.logger().info("X")
    logs.logger().info("Y")
    first, second = log_lines()
    assert first["run_id"] == 9
    assert "run_id" not in second


@pytest.mark.parametrize(
    ("level", "shown"),
    [
        ("DEBUG", ["DEBUG", "INFO", "WARNING", "ERROR"]),
        ("INFO", ["INFO", "WARNING", "ERROR"]),
        ("ERROR", ["ERROR"]),
    ],
)
def test_the_level_decides_what_is_shown(log_lines: Lines, level: str, shown: list[str]) -> None:
    logs.configure("api", level)
    log = logs.logger()
    log.debug("A")
    log.info("B")
    log.warning("C")
    log.error("D")
    assert [line["level"] for line in log_lines()] == shown


def secret_lines() -> None:
    log = logs.logger()
    log.info("to +972501234567 and +972 50-123-4567 or 050-123-4567, (212) 555-0123, 020 7946 0958")
    log.info("X", to="972501234567", From="0501234567", phone=972501234567, from_number="+12125550123")
    log.info("X", phones=["+972501234567", {"To": "0501234567"}], url="https://h/x?To=%2B972501234567&a=b")
    log.info("X", dial_token=TOKEN, token=uuid.UUID(TOKEN), auth_token=AUTH_TOKEN, jwt_secret="hunter2 abc")
    log.info("X", deep=[({"password": "hunter2 abc"},)], headers={b"Authorization": "Basic QUM6aHVudGVyMg=="})
    log.info(f"GET /webhooks/twilio/status/{TOKEN}?x=1 of {TOKEN} with token={AUTH_TOKEN} or {AUTH_TOKEN}")
    log.info("X", value=uuid.UUID(TOKEN), raw=AUTH_TOKEN.encode(), header=f"Bearer {JWT}", jwt=JWT, text=JWT)
    log.info("amqp://guest:hunter2@mq:5672/ and postgresql://ring:hunter2@db/x, sesame open")
    log.info("X", **{"+972501234567": 1, "nested": {"972-501-234567": {"+972501234567": TOKEN}}})
    other = logging.getLogger("aio_pika.connection")
    try:
        int(f"DETAIL: Key (phone)=(+972501234567); amqp://g:hunter2@h, UUID('{TOKEN}')")
    except ValueError:
        log.exception("X")
        other.exception("lost %s", "+972501234567")
    other.warning("password=hunter2 {'auth_token': '%s'}", AUTH_TOKEN)
    other.warning("sesame open")
    structlog.contextvars.bind_contextvars(caller="+972501234567")
    log.info("X")
    structlog.contextvars.clear_contextvars()


@pytest.mark.parametrize("fmt", ["json", "console"])
def test_no_number_and_no_secret_gets_into_a_line(
    configured_logs: None, capsys: pytest.CaptureFixture[str], fmt: Any
) -> None:
    """When this breaks, numbers of people or keys of accounts stand in a log store that many may read."""
    logs.configure("dispatcher", "DEBUG", fmt, ["sesame open", ""])
    secret_lines()
    out, err = capsys.readouterr()
    assert err == ""
    leaked = [secret for secret in (*NUMBERS, TOKEN, AUTH_TOKEN, JWT, "hunter2", "sesame") if secret in out]
    assert leaked == []
    assert "QUM6aHVudGVyMg" not in out
    assert "Traceback" in out


def test_the_masked_number_can_still_be_recognised() -> None:
    assert masking.mask_phone("+972501234567") == "+9725******67"
    assert masking.mask_text("rang +972501234567.") == "rang +9725******67."
    assert masking.mask_text("To=%2B972501234567") == "To=%2B9725******67"
    assert masking.mask_phone_field("123") == "123"


@pytest.mark.parametrize(
    "text",
    [
        "CA0123456789abcdef0123456789abcdef",
        "2026-11-22T10:29:36.123456+00:00",
        "Sun, 22 Nov 2026 10:29:36 +0000",
        "0.0501234567 s",
        "1234567 of 100000 rows",
        "listening on 10.20.30.40:5672",
        "ringfence-api-7c9d8f6b5d-x2x4k:17",
        "שלום, הקמפיין הסתיים",
        "https://api.twilio.com/2010-04-01/Accounts",
    ],
)
def test_what_is_neither_number_nor_secret_is_left_alone(text: str) -> None:
    assert masking.mask_text(text) == text


PIECES = [
    "token",
    "token ",
    "token'",
    "eyJ",
    "-eyJ",
    "eyJ.",
    "0",
    "+1 ",
    "(0",
    "0 ",
    "0-",
    "://",
    "://x",
    "0a1b2c3d-",
    "Bearer ",
]


@pytest.mark.parametrize("piece", PIECES)
def test_masking_a_hostile_text_takes_time_in_proportion_to_it(piece: str) -> None:
    """A stranger's text is logged on many paths: one that took minutes would stop every call of the process."""

    def cost(length: int) -> float:
        text = piece * (length // len(piece))
        return min(timed(text) for _ in range(3))

    def timed(text: str) -> float:
        began = time.process_time()
        masking.mask_text(text)
        return time.process_time() - began

    assert cost(64_000) < 40 * cost(4_000) + 0.05


def test_counts_under_secret_looking_names_are_kept() -> None:
    assert masking.mask_fields({"tokens": 3, "secret_set": True, "token": None}) == {
        "tokens": 3,
        "secret_set": True,
        "token": None,
    }


def test_any_value_can_be_logged(log_lines: Lines) -> None:
    class Word(StrEnum):
        ONE = "one"

    loop: list[Any] = []
    loop.append(loop)
    logs.configure("api")
    logs.logger().info(
        "X",
        big=2**70,
        nan=float("nan"),
        broken="\ud800",
        enum=Word.ONE,
        loop=loop,
        phones=loop,
        raw=b"\xff",
        obj=object(),
        s={1},
    )
    (line,) = log_lines()
    assert line["big"] == str(2**70)
    assert line["enum"] == "one"
    assert line["s"] == [1]


def test_lines_of_libraries_pass_the_same_renderer_and_quiet_ones_only_warn(log_lines: Lines) -> None:
    logging.getLogger("uvicorn.access").disabled = False
    logs.configure("api", "DEBUG")
    logging.getLogger("asyncpg").info("hello %d", 7)
    logging.getLogger("asyncpg").debug("too much")
    logging.getLogger("asyncpg").info("%d", "an argument that does not fit")
    for quiet in ("twilio.http_client", "aiormq.connection", "uvicorn.error", "faststream.access.rabbit"):
        logging.getLogger(quiet).info("chatter")
        logging.getLogger(quiet).warning("trouble")
    logging.getLogger("uvicorn.access").error("GET /")
    lines = log_lines()
    assert lines[0]["event"] == "hello 7"
    assert len(lines) == 6
    assert {line["WORKER_ID"] for line in lines} == {logs.worker_id()}


def test_handlers_that_libraries_brought_along_are_taken_off(log_lines: Lines) -> None:
    library = logging.getLogger("a.library.of.its.own.mind")
    library.propagate = False
    library.addHandler(logging.StreamHandler(sys.stdout))
    logs.configure("api")
    library.warning("once")
    assert [line["event"] for line in log_lines()] == ["once"]


def test_a_log_that_cannot_be_written_stops_nobody_and_is_counted(
    configured_logs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full(io.StringIO):
        def write(self, _: str) -> int:
            raise OSError(28, "No space left on device")

    logs.configure("api")
    monkeypatch.setattr(sys, "stdout", Full())
    logs.logger().info("X")
    counted = re.search(rb'ringfence_loop_errors_total{loop="log"} (\d+)', metrics.render()[0])
    assert counted is not None
    assert int(counted[1]) >= 1
