from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

from bench.recovery.tail import LedgerTail


def line(**fields: Any) -> bytes:
    return orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE)


def test_the_tail_tells_requests_from_calls_and_ours_from_others(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    path.write_bytes(
        line(kind="request", to="+1", mono=1.0)
        + line(kind="call", foreign=False, mono=1.5)
        + line(kind="call", foreign=True, mono=2.0)
        + line(kind="request", to="+2", mono=3.0)
        + line(kind="state", sid="CA1", state="ringing", mono=4.0)
    )
    tail = LedgerTail(path)
    tail.read()
    assert tail.creates == [1.5]
    assert tail.asked == {"+1", "+2"}
    assert tail.requests == 2


def test_a_line_that_is_not_whole_yet_is_read_once_it_is(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    whole = line(kind="call", foreign=False, mono=1.0) + line(kind="call", foreign=False, mono=2.0)
    tail = LedgerTail(path)
    for length in (0, 10, len(whole) - 5, len(whole)):
        path.write_bytes(whole[:length])
        tail.read()
    assert tail.creates == [1.0, 2.0]
