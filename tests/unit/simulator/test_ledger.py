import asyncio
from pathlib import Path
from typing import Any

import pytest

from simulator.journal import Journal
from simulator.ledger import read_ledger


def request(request_id: str = "RQ1") -> dict[str, Any]:
    return {
        "kind": "request",
        "request_id": request_id,
        "account": "AC1",
        "to": "+1",
        "from": "+2",
        "token": "t",
        "at": 1.0,
        "mono": 1.0,
        "params": [["To", "+1"]],
        "mode": None,
        "answer_status": 201,
        "answer_code": None,
    }


def call(sid: str, request_id: str | None = "RQ1") -> dict[str, Any]:
    line = {**request(), "kind": "call", "sid": sid, "request_id": request_id, "foreign": request_id is None}
    return {**line, "queue_ms": 0, "plan": {}, "behaviour": {}, "at": 2.0, "mono": 2.0}


def state(sid: str, name: str) -> dict[str, Any]:
    return {"kind": "state", "sid": sid, "state": name, "at": 3.0, "mono": 3.0}


async def write(path: Path, *lines: dict[str, Any]) -> None:
    journal = Journal(str(path))
    writer = asyncio.create_task(journal.run())
    for line in lines:
        journal.append(line)
    await journal.durable()
    journal.close()
    await writer


async def test_what_was_durable_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    await write(path, request(), call("CA1"), state("CA1", "busy"))
    (entry,) = read_ledger(path)
    assert (entry.sid, entry.token, entry.outcome, entry.carried_out) == ("CA1", "t", "busy", True)
    assert list(entry.states) == ["queued", "busy"]


async def test_a_request_carried_out_twice_has_two_entries(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    await write(path, request(), call("CA1"), call("CA2"), call("CA3", None))
    entries = read_ledger(path)
    assert [(entry.sid, entry.request_id, entry.twin, entry.foreign) for entry in entries] == [
        ("CA1", "RQ1", False, False),
        ("CA2", "RQ1", True, False),
        ("CA3", None, False, True),
    ]


async def test_a_reset_forgets_what_came_before(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    await write(path, request(), call("CA1"), {"kind": "reset"}, request("RQ2"))
    assert [(entry.request_id, entry.carried_out) for entry in read_ledger(path)] == [("RQ2", False)]


async def test_a_torn_last_line_is_left_out_and_does_not_spoil_the_next(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    await write(path, request())
    with path.open("ab") as file:
        file.write(b'{"kind":"call","si')
    assert len(read_ledger(path)) == 1
    await write(path, call("CA1"))
    (entry,) = read_ledger(path)
    assert entry.sid == "CA1"


async def test_lines_of_an_unknown_kind_are_passed_over_but_garbage_is_not(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    await write(path, request(), {"kind": "of_the_future"})
    assert len(read_ledger(path)) == 1
    with path.open("ab") as file:
        file.write(b"garbage\n")
    with pytest.raises(ValueError):
        read_ledger(path)
