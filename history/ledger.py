"""The provider's ledger: what was asked of it, and what it really did.

Rules: the file is JSON lines, each with a `kind`; kinds and fields that are not needed here are passed over, so that
another provider's record can be brought into this form with few words; a torn last line was never acknowledged. Times
are `at`, Unix seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from history.errors import Unreadable
from history.lines import Line, read_lines

TERMINAL = frozenset({"completed", "busy", "no-answer", "failed", "canceled"})


@dataclass(slots=True)
class Create:
    """A request to create a call, and the calls that came of it: none, one, or wrongly two."""

    request_id: str
    account: str
    to: str = field(repr=False)
    token: str | None = field(repr=False)
    at: float
    mode: str | None = None
    answer_status: int | None = None
    answer_code: int | None = None
    params: Mapping[str, str] = field(default_factory=dict, repr=False)
    calls: list[PlacedCall] = field(default_factory=list, repr=False)


@dataclass(slots=True)
class PlacedCall:
    """A call that the provider carried out; `outcome` is its terminal state, None while it lives.

    `delivered` are the moments of callbacks that were answered with 2xx, `hang_ups` those of requests to end it.
    """

    sid: str
    account: str
    to: str = field(repr=False)
    at: float
    create: Create | None = field(repr=False)
    queue_seconds: float = 0.0
    behaviour: Mapping[str, Any] = field(default_factory=dict)
    outcome: str | None = None
    ended_at: float | None = None
    answered_by: str | None = None
    delivered: list[float] = field(default_factory=list)
    hang_ups: list[float] = field(default_factory=list)
    served_hangup: bool = False

    @property
    def token(self) -> str | None:
        return self.create.token if self.create else None


@dataclass(slots=True)
class Ledger:
    """Everything in the file's order: creates, the calls made for them, and calls that somebody else made."""

    creates: list[Create] = field(default_factory=list)
    calls: list[PlacedCall] = field(default_factory=list)
    foreign: list[PlacedCall] = field(default_factory=list)
    by_sid: dict[str, PlacedCall] = field(default_factory=dict)
    _by_request: dict[str, Create] = field(default_factory=dict)

    def fold(self, line: Line) -> None:
        """Take one line in."""
        take = _FOLDS.get(line.text("kind"))
        if take is not None:
            take(self, line)

    def _request(self, line: Line) -> None:
        create = Create(
            line.text("request_id"),
            line.text("account"),
            line.text("to"),
            line.text_or_none("token"),
            line.number("at"),
            line.text_or_none("mode"),
            line.whole_or_none("answer_status"),
            line.whole_or_none("answer_code"),
            _params(line),
        )
        self.creates.append(create)
        self._by_request[create.request_id] = create

    def _call(self, line: Line) -> None:
        foreign = bool(line.fields.get("foreign"))
        call = PlacedCall(
            line.text("sid"),
            line.text("account"),
            line.text("to"),
            line.number("at"),
            None if foreign else self._create_of(line),
            (line.number_or_none("queue_ms") or 0) / 1000,
            line.fields.get("behaviour") or {},
        )
        if call.sid in self.by_sid:
            raise line.wrong("sid", "one of its own")
        self.by_sid[call.sid] = call
        (self.foreign if foreign else self.calls).append(call)
        if call.create is not None:
            call.create.calls.append(call)

    def _create_of(self, line: Line) -> Create:
        """The request behind a call; a record of calls alone stands for its requests too."""
        known = self._by_request.get(line.text_or_none("request_id") or "")
        if known is not None:
            return known
        create = Create(
            line.text_or_none("request_id") or line.text("sid"),
            line.text("account"),
            line.text("to"),
            line.text_or_none("token"),
            line.number("at"),
        )
        self.creates.append(create)
        self._by_request[create.request_id] = create
        return create

    def _of(self, line: Line) -> PlacedCall:
        call = self.by_sid.get(line.text("sid"))
        if call is None:
            raise line.wrong("sid", "that of a call in a line before")
        return call

    def _state(self, line: Line) -> None:
        call, state = self._of(line), line.text("state")
        if state in TERMINAL:
            call.outcome, call.ended_at = state, line.number("at")

    def _verdict(self, line: Line) -> None:
        self._of(line).answered_by = line.text_or_none("answered_by")

    def _callback(self, line: Line) -> None:
        if 200 <= (line.whole_or_none("http_status") or 0) < 300:
            self._of(line).delivered.append(line.number("at"))

    def _hang_up(self, line: Line) -> None:
        self._of(line).hang_ups.append(line.number("at"))

    def _voice(self, line: Line) -> None:
        if "<Hangup" in (line.text_or_none("document") or ""):
            self._of(line).served_hangup = True

    def _reset(self, _line: Line) -> None:
        for kept in (self.creates, self.calls, self.foreign, self.by_sid, self._by_request):
            kept.clear()


_FOLDS: Mapping[str, Callable[[Ledger, Line], None]] = {
    "request": Ledger._request,
    "call": Ledger._call,
    "state": Ledger._state,
    "verdict": Ledger._verdict,
    "callback": Ledger._callback,
    "hang_up": Ledger._hang_up,
    "voice": Ledger._voice,
    "reset": Ledger._reset,
}


def read_ledger(path: Path) -> Ledger:
    """The ledger in this file. Raises Unreadable."""
    ledger = Ledger()
    for line in read_lines(path, torn=True):
        ledger.fold(line)
    return ledger


def _params(line: Line) -> dict[str, str]:
    try:
        return {str(name): str(value) for name, value in line.fields.get("params") or ()}
    except (TypeError, ValueError) as error:
        raise Unreadable(f"{line.where}: params is not a list of pairs") from error
