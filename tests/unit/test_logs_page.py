"""The page of the log is where an operator looks a line up: it has each event that the source writes, and no other."""

from __future__ import annotations

import ast
import re
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from tests.unit import tables
from tests.unit.log_lines import RENDERED, Line, all_lines, lines_in, modules, names_of_fields

PAGE = tables.page("logs.md")
ROWS = {tables.words(row["event"])[0]: row for row in tables.rows(PAGE, "event")}
SERVICES = {"api", "webhook", "dispatcher", "reaper"}
PROCESSES = SERVICES | {"migrations", "simulator"}

LINES = all_lines()
NAMES = names_of_fields() | set(RENDERED.values())
BY_EVENT: dict[str, list[Line]] = defaultdict(list)
for _line in LINES:
    BY_EVENT[str(_line.event)].append(_line)

every_event = pytest.mark.parametrize("event", sorted(ROWS.keys() & BY_EVENT.keys()))


def said_by(event: str) -> set[str]:
    """The processes that the page names."""
    named = {word.strip() for word in ROWS[event]["said by"].split(",")}
    return named - {"all"} | (SERVICES if "all" in named else set())


def fields_of(event: str) -> set[str]:
    """The fields that the page names, without the values in parentheses."""
    cell = re.sub(r"\([^)]*\)", "", ROWS[event]["fields"])
    run = {"business_id", "run_id"} if re.search(r"\b(run|call) ids\b", cell) else set()
    call = {"job_id", "call_id", "call_sid"} if "call ids" in cell else set()
    return set(tables.words(cell)) | run | call


def test_every_event_is_a_literal_in_capitals() -> None:
    """What is put together at run time can be looked up nowhere."""
    wrong = [line for line in LINES if line.event is None or not re.fullmatch(r"[A-Z][A-Z_]+", line.event)]
    assert wrong == []


def test_nothing_logs_at_a_level_that_is_not_a_method_but_the_bridge_from_libraries() -> None:
    """`log(level, event)` would hide an event from this test."""
    loggers = {"logger()", "logs.logger()", "log", "_log", "bound"}
    found = [
        path.name
        for path, module in modules()
        for node in ast.walk(module)
        if isinstance(node, ast.Attribute) and node.attr in ("log", "msg") and ast.unparse(node.value) in loggers
    ]
    assert found == ["logs.py"]


def test_the_page_has_every_event_once_and_no_other() -> None:
    listed = Counter(tables.words(row["event"])[0] for row in tables.rows(PAGE, "event"))
    assert set(listed) == set(BY_EVENT)
    assert set(listed.values()) == {1}


@every_event
def test_the_page_says_at_which_levels(event: str) -> None:
    assert set(ROWS[event]["level"].split(", ")) == {line.level for line in BY_EVENT[event]}


@every_event
def test_the_page_says_who_writes_it(event: str) -> None:
    writers = {line.service for line in BY_EVENT[event]}
    named = said_by(event)
    assert named <= PROCESSES
    assert writers - {None} <= named
    if None not in writers:
        assert named == writers


@every_event
def test_the_page_has_every_field_that_is_named_where_it_is_written(event: str) -> None:
    assert frozenset().union(*(line.fields for line in BY_EVENT[event])) <= fields_of(event)


@every_event
def test_the_page_has_no_field_that_nobody_writes(event: str) -> None:
    assert fields_of(event) <= NAMES


@every_event
def test_the_page_says_when_it_is_written_and_what_to_do(event: str) -> None:
    assert ROWS[event]["when"]
    assert ROWS[event]["what to do"]


def test_the_page_has_the_events_that_are_promised() -> None:
    """Names that somebody outside searches for."""
    promised = {
        *("WORKER_START", "OUTBOUND_CONSUMER_START", "CALL_STARTED", "CALL_ENDED", "SLOT_RELEASED", "RUN_ENDED"),
        *("DEDUP_CONFLICT", "STALE_DETECTION", "FORCE_CANCEL", "CLEANUP", "RECONCILE", "SECURITY"),
        *("LEASE_TAKEN", "LEASE_LOST", "CALL_UNCERTAIN", "CALL_SETTLED"),
    }
    assert promised <= ROWS.keys()


@pytest.mark.parametrize("page", sorted((PAGE.parent / "runbook").glob("*.md")), ids=lambda page: page.stem)
def test_the_runbook_names_no_event_that_nobody_writes(page: Path) -> None:
    """Whom it sends to a line that never comes it costs the night."""
    settings = {tables.words(row["setting"])[0] for row in tables.rows(tables.page("settings.md"), "setting")}
    assert set(re.findall(r"`([A-Z][A-Z_]{3,})`", page.read_text())) <= ROWS.keys() | settings


@pytest.mark.parametrize(
    ("source", "event", "level", "fields"),
    [
        ('log.info("A_B", call_id=1)', "A_B", "info", {"call_id"}),
        ('logs.logger().exception("A_B", **ids)', "A_B", "error", set()),
        ('self._tongue.warning(f"A_{b}", exc_info=error)', None, "warning", {"exception"}),
        ("log.critical(event)", None, "critical", set()),
    ],
)
def test_whatever_logs_is_found(source: str, event: str | None, level: str, fields: set[str]) -> None:
    (line,) = lines_in(PAGE, ast.parse(source))
    assert (line.event, line.level, set(line.fields)) == (event, level, fields)


@pytest.mark.parametrize("source", ["parser.error(str(error))", "future.exception()", "error", "log.bind(x=1)"])
def test_whatever_does_not_log_is_let_be(source: str) -> None:
    assert list(lines_in(PAGE, ast.parse(source))) == []
