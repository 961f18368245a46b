"""Rule (j): second sids and superseded calls are reported, hung up, and present only where a fault was injected.

Exactly: a second call is any but the one that its create was for; a superseded call is one whose attempt was given up
by denials, or was over (settled by somebody else's call, say) before the provider made it. For each of them the
ledger's mode of its create (two_sids, create_late), a call that was kept out of lists (rest_stale) or the file of
faults accounts for it. If a callback of it was ever taken, it is reported: a row marked as the duplicate of its attempt
has its sid, or the attempt's row has it, with the moment at which it surfaced unless it was over then. A reported call
that is not over at the provider was asked to end, or the patience since its report has not run out; one that is over
was asked to end, was served <Hangup/>, or is noted in its row as over by itself. What the database reports is there:
each row marked as a duplicate has a second call in the ledger, and each that surfaced has a call.
"""

from __future__ import annotations

from history.findings import Findings
from history.history import History
from history.ledger import PlacedCall
from history.rows import Call


def check(history: History) -> Findings:
    findings = Findings()
    for call in history.ledger.calls:
        second = history.is_second(call)
        if second or history.is_superseded(call):
            wrong = _wrong(history, call, second=second)
            row = history.row_of(call.create)
            findings.hold(wrong, call_sid=call.sid, call_id=row.id if row else None)
    for row in history.rows.calls:
        if row.duplicate_of is not None or row.surfaced_at is not None:
            text = None if _exists(history, row) else "a report of a call that the provider never made"
            findings.hold(text, call_id=row.id, call_sid=row.sid)
    return findings


def _wrong(history: History, call: PlacedCall, *, second: bool) -> str | None:
    word = "second" if second else "superseded"
    if not history.is_excused(call):
        return f"a {word} call without an injected fault"
    report = _report(history, call, second=second)
    if report is None:
        return f"a {word} call was told of and not reported" if call.delivered else None
    if _hung_up(history, call, report):
        return None
    return f"a {word} call was not hung up"


def _report(history: History, call: PlacedCall, *, second: bool) -> Call | None:
    row = history.row_of_sid(call.sid)
    if row is None or (second and row.duplicate_of is None):
        return None
    return row if second or row.surfaced_at is not None or not row.superseded else None


def _hung_up(history: History, call: PlacedCall, report: Call) -> bool:
    if call.hang_ups or call.served_hangup:
        return True
    if call.ended_at is None:
        since = report.hangup_requested_at or report.surfaced_at or report.created_at
        return not history.waited_out(since)
    over_when_told = report.surfaced_at is None and report.duplicate_of is None
    return over_when_told or (report.hung_up_at is not None and report.hung_up_at >= call.ended_at - history.skew)


def _exists(history: History, row: Call) -> bool:
    call = history.ledger.by_sid.get(row.sid or "")
    if call is None or call.create is None:
        return False
    return row.duplicate_of is None or len(call.create.calls) > 1
