"""The notes that whoever tests writes down: caps, actions, faults; and the settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from history.actions import read_actions
from history.caps import CapChange, Caps, read_caps
from history.errors import Unreadable
from history.faults import read_faults
from history.ledger import Create
from history.masking import masked_phone, masked_token
from history.options import parse
from history.times import Times

CREATE = Create("RQ1", "AC1", "+972500000001", "t", 100.0)


def noted(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "notes.jsonl"
    path.write_text(text)
    return path


def test_a_cap_holds_from_its_change_to_the_next_and_both_hold_in_between() -> None:
    raised = CapChange(1, 5, at=20, asked_at=10, was=3)
    caps = Caps([CapChange(1, 2, at=40, asked_at=30), raised])
    assert caps.largest(1, 0, 9, 2) == 3
    assert caps.largest(1, 0, 10, 2) == 5
    assert caps.largest(1, 20, 25, 2) == 5
    assert caps.largest(1, 25, 45, 2) == 5
    assert caps.largest(1, 41, 45, 2) == 2
    assert (caps.last(1), caps.last(2)) == (2, None)
    assert caps.largest(2, 0, 9, 7) == 7


def test_without_was_the_first_cap_held_from_the_beginning(tmp_path: Path) -> None:
    caps = read_caps(noted(tmp_path, '{"business_id": 1, "cap": 4, "at": 50}\n'))
    assert caps.largest(1, 0, 1, 9) == 4


def test_actions_are_told_by_run_or_call(tmp_path: Path) -> None:
    lines = (
        '{"kind": "force-cancel", "run_id": 7, "answered_at": 1}\n{"kind": "abandon", "call_id": 8, "answered_at": 2}\n'
    )
    actions = read_actions(noted(tmp_path, lines))
    assert [(one.kind, one.run_id, one.call_id) for one in actions] == [("force_cancel", 7, None), ("abandon", None, 8)]


@pytest.mark.parametrize(
    ("line", "fits"),
    [
        ('{"fault": "two_sids", "request_id": "RQ1"}', True),
        ('{"fault": "two_sids", "request_id": "RQ2"}', False),
        ('{"fault": "two_sids", "account": "AC1", "from": 100, "until": 100}', True),
        ('{"fault": "two_sids", "account": "AC1", "from": 101}', False),
        ('{"fault": "two_sids", "account": "AC1", "until": 99}', False),
        ('{"fault": "two_sids", "sid": "CA1"}', False),
        ('{"fault": "create_late", "request_id": "RQ1"}', False),
    ],
)
def test_a_fault_accounts_for_the_creates_that_fit_all_it_names(tmp_path: Path, line: str, fits: bool) -> None:
    assert read_faults(noted(tmp_path, line + "\n")).doubled(CREATE) is fits


@pytest.mark.parametrize(
    ("read", "line", "words"),
    [
        (read_faults, '{"fault": "two_sids"}', "fault is not narrowed"),
        (read_faults, '{"fault": "gremlins", "from": 0}', "fault is not two_sids or create_late"),
        (read_actions, '{"kind": "applaud", "run_id": 1, "answered_at": 1}', "kind is not one of"),
        (read_actions, '{"kind": "cancel", "answered_at": 1}', "run_id is not a whole number"),
        (read_caps, '{"business_id": 1, "cap": true, "at": 1}', "cap is not a whole number"),
        (read_caps, "three", "not JSON"),
    ],
)
def test_a_note_that_means_nothing_is_refused(tmp_path: Path, read: object, line: str, words: str) -> None:
    assert callable(read)
    with pytest.raises(Unreadable) as raised:
        read(noted(tmp_path, line))
    assert f"notes.jsonl, line 1: {words}" in str(raised.value)


def test_settings_are_the_contracts_unless_given() -> None:
    assert Times.parsed([]) == Times(3, 15, 5, 60, 3600)
    assert Times.parsed(["ABSENT_AFTER=1", "settle_after=0.5"]) == Times(settle_after=0.5, absent_after=1)
    assert Times.picked({"SEND_WITHIN": "2", "SIM_CPS": "200"}) == Times(send_within=2)


@pytest.mark.parametrize(
    "pair", ["ABSENT_AFTER", "ABSENT_AFTER=soon", "ABSENT_AFTER=-1", "ABSENT=1", "DIAL_TIMEOUT=inf"]
)
def test_a_setting_that_means_nothing_is_refused(pair: str) -> None:
    with pytest.raises(Unreadable):
        Times.parsed([pair])


def test_the_command_line_takes_several_settings() -> None:
    options = parse(
        ["--ledger", "l", "--database", "d", "--settings", "SEND_WITHIN=1", "DIAL_TIMEOUT=2", "--skew", "0"]
    )
    assert (options.times.send_within, options.times.dial_timeout, options.skew) == (1, 2, 0)


@pytest.mark.parametrize("option", ["--skew", "--patience", "--wait", "--transit"])
def test_a_span_that_is_none_ends_with_status_2(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        parse(["--ledger", "l", "--database", "d", option, "nan"])
    assert raised.value.code == 2
    assert option in capsys.readouterr().err


def test_numbers_and_tokens_are_shown_in_part() -> None:
    assert masked_phone("+972501234567") == "+9725******67"
    assert masked_phone("12345") == "12**5"
    assert masked_token("0b3f2c9e-0000") == "0b3f…"
    assert masked_token("short") == "…"
