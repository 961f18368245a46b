"""Lists of calls: Twilio's filters, paging by token, newest first.

Rules: `StartTime<` and `StartTime>` include their bound, a date stands for its whole day in UTC; a call that has not
been dialled has no start time and meets no filter on it; a row that a rule doubles comes twice in a row.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Self

from simulator.answers import status, visible
from simulator.call import Call
from simulator.errors import Refusal
from simulator.index import Calls
from simulator.numbers import whole

DEFAULT_PAGE = 50
LARGEST_PAGE = 1000
STATUSES = frozenset({"queued", "ringing", "in-progress", "completed", "busy", "failed", "no-answer", "canceled"})

Query = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Window:
    """A span of Unix time, its end excluded; None is open."""

    start: float | None
    end: float | None

    @classmethod
    def read(cls, query: Query, name: str) -> Self:
        """The filters `name`, `name<` and `name>`; raises Refusal 20001."""
        start, end = None, None
        for key, value in query.items():
            if key not in (name, name + "<", name + ">") or not value:
                continue
            first, after = _moment(value)
            if key != name + "<":
                start = first
            if key != name + ">":
                end = after
        return cls(start, end)

    def holds(self, at: float | None) -> bool:
        if self.start is None and self.end is None:
            return True
        if at is None:
            return False
        # Twilio's dates are whole seconds.
        second = int(at)
        return (self.start is None or second >= self.start) and (self.end is None or second < self.end)


def _moment(text: str) -> tuple[float, float]:
    """First and following instant of a date or of a date and time."""
    try:
        if len(text) == len("2026-01-31"):
            day = datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC)
            return day.timestamp(), (day + timedelta(days=1)).timestamp()
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise Refusal(20001, text) from error
    at = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    return at, at + 1


@dataclass(frozen=True, slots=True)
class Filter:
    """What a list asks for."""

    to: str | None
    from_: str | None
    status: str | None
    parent: str | None
    started: Window
    ended: Window

    @classmethod
    def read(cls, query: Query) -> Self:
        wanted = query.get("Status") or None
        if wanted is not None and wanted not in STATUSES:
            raise Refusal(20001, f"Status {wanted}")
        return cls(
            to=query.get("To") or None,
            from_=query.get("From") or None,
            status=wanted,
            parent=query.get("ParentCallSid") or None,
            started=Window.read(query, "StartTime"),
            ended=Window.read(query, "EndTime"),
        )

    def passes(self, call: Call) -> bool:
        if self.parent is not None or self.from_ not in (None, call.from_):
            return False
        states = visible(call)
        if not states or (self.status is not None and status(call, states) != self.status):
            return False
        times = dict(states)
        started = times["initiated"].at if "initiated" in times else None
        ended = states[-1][1].at if states[-1][0] == call.entry.outcome else None
        return self.started.holds(started) and self.ended.holds(ended)


@dataclass(frozen=True, slots=True)
class Paging:
    """Which page is wanted: by token where there is one, else by its number."""

    number: int
    size: int
    token: str | None

    @classmethod
    def read(cls, query: Query) -> Self:
        size = _whole(query, "PageSize", DEFAULT_PAGE)
        if not 1 <= size <= LARGEST_PAGE:
            raise Refusal(20001, f"PageSize {size}")
        return cls(_whole(query, "Page", 0), size, query.get("PageToken") or None)


def _whole(query: Query, name: str, default: int) -> int:
    text = query.get(name) or str(default)
    number = whole(text)
    if number is None:
        raise Refusal(20001, f"{name} {text}")
    return number


def select(calls: Calls, account: str, wanted: Filter, paging: Paging) -> tuple[list[Call], str | None]:
    """The rows of a page and the token of the next one, None on the last."""
    skip = 0 if paging.token else paging.number * paging.size
    rows: list[Call] = []
    last = ""
    for call, token in _rows(calls, account, wanted, paging.token):
        if skip:
            skip -= 1
        elif len(rows) == paging.size:
            return rows, last
        else:
            rows.append(call)
            last = token
    return rows, None


def _rows(calls: Calls, account: str, wanted: Filter, after: str | None) -> Iterator[tuple[Call, str]]:
    start = after[2:36] if after else None
    passed = after is None
    for call in calls.newest_first(account, wanted.to, start):
        if not wanted.passes(call):
            passed = passed or call.sid == start
            continue
        for token in _tokens(call):
            if passed:
                yield call, token
            passed = passed or token == after


def _tokens(call: Call) -> tuple[str, ...]:
    """One page token per row of the call."""
    doubled = (call.mode("rest_stale") or {}).get("duplicates")
    return (f"PA{call.sid}", f"PA{call.sid}-2") if doubled else (f"PA{call.sid}",)
