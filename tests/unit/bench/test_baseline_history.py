"""What the checker is given to read of a baseline, and what it finds in it."""

from typing import Any

from bench.baselines.history import HeldSlot, Tables, history_of
from history.ledger import Create, Ledger, PlacedCall
from history.report import judge

PHONE = "+491000000000"
NOW = 1000.0


def ledger_of(*spans: tuple[float, float | None]) -> Ledger:
    """Creates of job 1, each with the span of its call."""
    ledger = Ledger()
    for number, (at, ended) in enumerate(spans, 1):
        create = Create(f"RQ{number}", "AC1", PHONE, "1", at, answer_status=201)
        call = PlacedCall(f"CA{number}", "AC1", PHONE, at, create)
        if ended is not None:
            call.outcome, call.ended_at = "completed", ended
            call.delivered.append(ended)
        create.calls.append(call)
        ledger.creates.append(create)
        ledger.calls.append(call)
        ledger.by_sid[call.sid] = call
    return ledger


def tables_of(run_status: str = "completed", **job: Any) -> Tables:
    known = {"id": 1, "run_id": 1, "business_id": 1, "phone": PHONE, "slot": None}
    ended = {"status": "done", "call_sid": "CA1", "call_status": "completed", "dialed_at": 899.9, "ended_at": 910.0}
    run = {"id": 1, "business_id": 1, "status": run_status, "ended_at": None}
    return Tables(NOW, [{"id": 1, "cap": 1}], [run], [{**known, **ended, **job}])


def broken(ledger: Ledger, tables: Tables, *held: HeldSlot) -> dict[str, int]:
    judged = judge(history_of(ledger, tables, held))
    return {one.rule.letter: len(one.findings.violations) for one in judged if one.rule.letter in "bcdghi"}


CLEAN = dict.fromkeys("bcdghi", 0)


def test_a_call_that_was_made_and_written_down_breaks_nothing() -> None:
    assert broken(ledger_of((900.0, 910.0)), tables_of()) == CLEAN


def test_a_lead_rung_again_while_its_call_goes_on_is_found() -> None:
    found = broken(ledger_of((900.0, 910.0), (905.0, 915.0)), tables_of())
    assert (found["b"], found["c"], found["i"]) == (1, 1, 1)
    assert found["d"] > 0  # and the second call stands nowhere


def test_a_lead_rung_again_after_its_call_is_found() -> None:
    found = broken(ledger_of((900.0, 910.0), (920.0, 930.0)), tables_of())
    assert (found["b"], found["c"], found["i"]) == (0, 0, 1)


def test_a_slot_without_a_call_is_found_wherever_it_is_kept() -> None:
    assert broken(ledger_of((900.0, 910.0)), tables_of(), HeldSlot(1, "lost", 900.0)) == {**CLEAN, "h": 1}
    assert broken(ledger_of((900.0, 910.0)), tables_of(slot="kept"), HeldSlot(1, "kept", 900.0))["h"] == 1


def test_a_slot_that_was_taken_just_now_is_not_yet_lost() -> None:
    assert broken(ledger_of((900.0, 910.0)), tables_of(), HeldSlot(1, "new", NOW - 1.0)) == CLEAN


def test_a_job_in_hand_that_nobody_rang_is_found() -> None:
    in_hand = tables_of(status="dialing", call_sid=None, call_status=None, ended_at=None)
    found = broken(Ledger(), in_hand)
    assert (found["g"], found["h"]) == (1, 1)
