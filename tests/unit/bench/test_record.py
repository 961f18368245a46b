"""What the bench reads out of a ledger."""

from pathlib import Path

import orjson

from bench.record import Record
from bench.work import Work, business_of, phone
from tests.unit.bench.ledgers import call_lines, callback, record_of


def test_a_number_says_whose_lead_it_is() -> None:
    work = Work(businesses=3, leads_each=2, cap=1)
    assert [business_of(number) for number in work.phones(2)] == [2, 2]
    assert business_of(phone(9_999, 9_999_999)) == 9_999


def test_a_call_is_asked_for_when_its_request_arrived_and_told_of_when_the_callback_left() -> None:
    (call,) = record_of(call_lines("CA1", 4, asked=1.0, ended=2.0, told=2.1)).calls
    assert (call.business, call.asked, call.ringing, call.ended, call.told) == (4, 1.0, 1.02, 2.0, 2.1)


def test_the_first_attempt_to_tell_of_an_end_counts_however_it_went() -> None:
    lines = [*call_lines("CA1", 0, 1.0, 2.0, 2.5), callback("CA1", "completed", 2.1, http_status=503)]
    (call,) = Record.of(lines).calls
    assert call.told == 2.1


def test_a_callback_that_nobody_took_is_counted() -> None:
    lines = [*call_lines("CA1", 0, 1.0, 2.0, 2.5), callback("CA1", "completed", 2.1, http_status=None)]
    record = Record.of(lines)
    assert (record.callbacks, record.failed_callbacks) == (3, 1)


def test_completed_calls_are_counted_by_the_end_at_the_provider() -> None:
    record = record_of(call_lines("CA1", 0, 1.0, 2.0, 2.0), call_lines("CA2", 0, 1.0, 3.0, 3.0))
    assert record.completed_between(2.0, 3.0) == 1


def test_a_torn_last_line_is_left_out(tmp_path: Path) -> None:
    whole = b"".join(orjson.dumps(line) + b"\n" for line in call_lines("CA1", 0, 1.0, 2.0, 2.1))
    ledger = tmp_path / "ledger.jsonl"
    ledger.write_bytes(whole + b'{"kind": "stat')
    assert len(Record.read(ledger).calls) == 1
