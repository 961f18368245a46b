"""What the checker reads of a ledger, and what it refuses to read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from history.errors import Unreadable
from history.ledger import read_ledger

REQUEST = {"kind": "request", "request_id": "RQ1", "account": "AC1", "to": "+972500000001", "token": "t-1", "at": 10.0}
CALL = {"kind": "call", "sid": "CA1", "request_id": "RQ1", "account": "AC1", "to": "+972500000001", "at": 10.5}
STATE = {"kind": "state", "sid": "CA1", "state": "completed", "at": 20}


def written(tmp_path: Path, *lines: dict[str, Any], rest: bytes = b"") -> Path:
    path = tmp_path / "ledger.jsonl"
    path.write_bytes(b"".join(orjson.dumps(line) + b"\n" for line in lines) + rest)
    return path


def test_the_fields_that_are_documented_as_needed_suffice(tmp_path: Path) -> None:
    ledger = read_ledger(written(tmp_path, REQUEST, CALL, STATE))
    (create,), (call,) = ledger.creates, ledger.calls
    assert (create.token, create.mode, create.answer_status) == ("t-1", None, None)
    assert (call.create, call.token, call.outcome, call.ended_at) == (create, "t-1", "completed", 20.0)
    assert create.calls == [call]


def test_a_record_of_calls_alone_stands_for_its_requests_too(tmp_path: Path) -> None:
    ledger = read_ledger(written(tmp_path, {**CALL, "request_id": None, "token": "t-1"}))
    assert [(create.request_id, create.token) for create in ledger.creates] == [("CA1", "t-1")]


def test_somebody_elses_calls_are_kept_apart(tmp_path: Path) -> None:
    ledger = read_ledger(written(tmp_path, {**CALL, "request_id": None, "foreign": True}, STATE))
    assert (ledger.creates, ledger.calls) == ([], [])
    assert [(call.sid, call.outcome) for call in ledger.foreign] == [("CA1", "completed")]


def test_one_create_may_have_two_calls(tmp_path: Path) -> None:
    ledger = read_ledger(written(tmp_path, REQUEST, CALL, {**CALL, "sid": "CA2"}))
    assert [call.sid for call in ledger.creates[0].calls] == ["CA1", "CA2"]


def test_callbacks_count_when_they_were_taken_and_documents_when_they_hang_up(tmp_path: Path) -> None:
    lines: list[dict[str, Any]] = [
        {"kind": "callback", "sid": "CA1", "at": 11, "http_status": 204},
        {"kind": "callback", "sid": "CA1", "at": 12, "http_status": 403},
        {"kind": "callback", "sid": "CA1", "at": 13, "http_status": None},
        {"kind": "hang_up", "sid": "CA1", "at": 14},
        {"kind": "voice", "sid": "CA1", "at": 15, "document": "<Response><Hangup/></Response>"},
        {"kind": "verdict", "sid": "CA1", "answered_by": "machine_start"},
    ]
    (call,) = read_ledger(written(tmp_path, REQUEST, CALL, *lines)).calls
    assert (call.delivered, call.hang_ups, call.served_hangup) == ([11.0], [14.0], True)
    assert call.answered_by == "machine_start"


def test_unknown_kinds_a_torn_last_line_and_what_a_reset_voided_are_left_out(tmp_path: Path) -> None:
    reset = {"kind": "reset", "at": 1}
    path = written(
        tmp_path, REQUEST, CALL, reset, {"kind": "price", "sid": "CA1"}, REQUEST, rest=b'{"kind": "call", "s'
    )
    ledger = read_ledger(path)
    assert (len(ledger.creates), ledger.calls) == (1, [])


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([{**REQUEST, "at": "noon"}], "line 1: at is not a number"),
        ([{**REQUEST, "to": None}], "line 1: to is not a text"),
        ([{"sid": "CA1"}], "line 1: kind is not a text"),
        ([REQUEST, STATE], "line 2: sid is not that of a call in a line before"),
        ([REQUEST, CALL, CALL], "line 3: sid is not one of its own"),
        ([{**REQUEST, "params": [["Timeout"]]}], "line 1: params is not a list of pairs"),
    ],
)
def test_a_line_that_cannot_be_used_is_named(tmp_path: Path, lines: list[dict[str, Any]], words: str) -> None:
    with pytest.raises(Unreadable) as raised:
        read_ledger(written(tmp_path, *lines))
    assert words in str(raised.value)


@pytest.mark.parametrize(("content", "words"), [(b"{\n", "line 1: not JSON"), (b"[1]\n", "line 1: not a JSON object")])
def test_a_file_that_is_no_ledger_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "ledger.jsonl"
    path.write_bytes(content)
    with pytest.raises(Unreadable) as raised:
        read_ledger(path)
    assert words in str(raised.value)


def test_a_ledger_shows_no_number_and_no_token(tmp_path: Path) -> None:
    shown = repr(read_ledger(written(tmp_path, REQUEST, CALL, STATE)))
    assert "+972500000001" not in shown
    assert "t-1" not in shown
