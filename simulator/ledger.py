"""The ledger: what was really asked of this Twilio and what really happened.

Rules: the file is JSON lines, each with a `kind`; lines are only ever appended; the running simulator and
`read_ledger` fold the same lines with the same code, so what `/sim/ledger` shows is what the file says. Times are
pairs: `at` in Unix seconds and `mono` in seconds of the machine's monotonic clock, comparable over restarts until
the machine itself starts anew.
"""

import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import orjson

TERMINAL = frozenset({"completed", "busy", "no-answer", "failed", "canceled"})


@dataclass(slots=True)
class Moment:
    """A state that a call came to: wall clock and monotonic clock, seconds."""

    at: float
    mono: float


@dataclass(slots=True)
class Attempt:
    """One HTTP attempt to deliver an event; attempt 0 is an event dropped on purpose (`error` says lost)."""

    event: str
    call_status: str
    sequence: int | None
    attempt: int
    url: str
    at: float
    mono: float
    seconds: float
    http_status: int | None
    error: str | None
    idempotency_token: str


@dataclass(slots=True)
class HangUp:
    """A request to end the call: Status canceled or completed, and whether it was accepted."""

    requested: str
    accepted: bool
    code: int | None
    at: float
    mono: float


@dataclass(slots=True)
class VoiceFetch:
    """One fetch of a TwiML document, kept as it came."""

    method: str
    url: str
    at: float
    mono: float
    seconds: float
    http_status: int | None
    error: str | None
    document: str | None


@dataclass(slots=True)
class LedgerEntry:
    """A create request, or a call; a request carried out twice has two entries with one `request_id`.

    `sid` is None while (or because) the request was not carried out. `token` is the last path segment of the
    StatusCallback URL. A foreign call was not asked for through the API. `states` holds queued, initiated, ringing,
    in-progress and the terminal one, `outcome` the terminal one or None.
    """

    request_id: str | None
    account: str
    to: str
    from_: str
    token: str | None
    at: float
    mono: float
    params: list[tuple[str, str]] = field(default_factory=list)
    mode: str | None = None
    answer_status: int | None = None
    answer_code: int | None = None
    sid: str | None = None
    foreign: bool = False
    twin: bool = False
    queue_ms: int = 0
    plan: dict[str, Any] = field(default_factory=dict)
    behaviour: dict[str, dict[str, Any]] = field(default_factory=dict)
    states: dict[str, Moment] = field(default_factory=dict)
    outcome: str | None = None
    sip_code: int | None = None
    duration: int | None = None
    answered_by: str | None = None
    callbacks: list[Attempt] = field(default_factory=list)
    hang_ups: list[HangUp] = field(default_factory=list)
    voice: list[VoiceFetch] = field(default_factory=list)
    deleted: bool = False

    @property
    def carried_out(self) -> bool:
        return self.sid is not None

    def as_dict(self) -> dict[str, Any]:
        """What `/sim/ledger` shows: the fields, `from_` as `from`, and `carried_out`; parts are not copied."""
        content = {name: getattr(self, name) for name in _SHOWN}
        return content | {"from": self.from_, "carried_out": self.carried_out}


_SHOWN = tuple(one.name for one in fields(LedgerEntry) if one.name != "from_")


class Ledger:
    """The entries, folded from lines in their order."""

    def __init__(self) -> None:
        self.entries: list[LedgerEntry] = []
        self.by_sid: dict[str, LedgerEntry] = {}
        self._by_request: dict[str, LedgerEntry] = {}

    def apply(self, line: dict[str, Any]) -> None:
        """Fold one line in; kinds of a newer simulator are passed over."""
        fold = getattr(self, f"_fold_{line['kind']}", None)
        if fold is not None:
            fold(line)

    def _fold_reset(self, _line: dict[str, Any]) -> None:
        self.entries.clear()
        self.by_sid.clear()
        self._by_request.clear()

    def _fold_request(self, line: dict[str, Any]) -> None:
        entry = LedgerEntry(
            request_id=line["request_id"],
            account=line["account"],
            to=line["to"],
            from_=line["from"],
            token=line["token"],
            at=line["at"],
            mono=line["mono"],
            params=_params(line),
            mode=line["mode"],
            answer_status=line["answer_status"],
            answer_code=line["answer_code"],
        )
        self.entries.append(entry)
        self._by_request[line["request_id"]] = entry

    def _fold_call(self, line: dict[str, Any]) -> None:
        entry = self._entry_for(line)
        entry.sid = line["sid"]
        entry.foreign = line["foreign"]
        entry.queue_ms = line["queue_ms"]
        entry.plan = line["plan"]
        entry.behaviour = line["behaviour"]
        entry.states["queued"] = Moment(line["at"], line["mono"])
        self.by_sid[line["sid"]] = entry

    def _entry_for(self, line: dict[str, Any]) -> LedgerEntry:
        asked = self._by_request.get(line["request_id"] or "")
        if asked is not None and asked.sid is None:
            return asked
        entry = LedgerEntry(
            line["request_id"], line["account"], line["to"], line["from"], line["token"], line["at"], line["mono"]
        )
        if asked is not None:
            entry.params, entry.mode, entry.twin = asked.params, asked.mode, True
            entry.answer_status, entry.answer_code = asked.answer_status, asked.answer_code
        else:
            entry.params = _params(line)
        self.entries.append(entry)
        return entry

    def _fold_state(self, line: dict[str, Any]) -> None:
        entry = self.by_sid[line["sid"]]
        state = line["state"]
        entry.states[state] = Moment(line["at"], line["mono"])
        if state in TERMINAL:
            entry.outcome = state
            entry.sip_code = line.get("sip_code")
            entry.duration = line.get("duration")

    def _fold_verdict(self, line: dict[str, Any]) -> None:
        self.by_sid[line["sid"]].answered_by = line["answered_by"]

    def _fold_callback(self, line: dict[str, Any]) -> None:
        self.by_sid[line["sid"]].callbacks.append(Attempt(**_rest(line)))

    def _fold_hang_up(self, line: dict[str, Any]) -> None:
        self.by_sid[line["sid"]].hang_ups.append(HangUp(**_rest(line)))

    def _fold_voice(self, line: dict[str, Any]) -> None:
        self.by_sid[line["sid"]].voice.append(VoiceFetch(**_rest(line)))

    def _fold_delete(self, line: dict[str, Any]) -> None:
        self.by_sid[line["sid"]].deleted = True


def _params(line: dict[str, Any]) -> list[tuple[str, str]]:
    """The form as received; the names, the same in every request, are kept once."""
    return [(sys.intern(name), value) for name, value in line["params"]]


def _rest(line: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in line.items() if name not in ("kind", "sid")}


def read_lines(path: str | os.PathLike[str]) -> Iterable[dict[str, Any]]:
    """The whole lines of a ledger file; a torn last line was never acknowledged and is left out."""
    with Path(path).open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield orjson.loads(line)


def read_ledger(path: str | os.PathLike[str]) -> list[LedgerEntry]:
    """Every create request and call since the last reset, in the order in which they came.

    Raises OSError when the file cannot be read and ValueError when a whole line of it is not JSON.
    """
    ledger = Ledger()
    for line in read_lines(path):
        ledger.apply(line)
    return ledger.entries
