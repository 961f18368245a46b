"""Rule (f): no create is written after a cancel or stop was answered.

Exactly: no create of a run comes to the ledger later than the answer to its cancel or stop (give or take the skew and
the transit), nor later than SEND_WITHIN after the answer to its force-cancel, which is given at once. When answers came
is known only from the file of actions. From the rows alone: no attempt was claimed after its run had ended, and no
create comes later than SEND_WITHIN after that end.
"""

from __future__ import annotations

from history.findings import Findings
from history.history import History
from history.ledger import Create
from history.rows import Call


def check(history: History) -> Findings:
    findings = Findings()
    limits = _limits(history)
    for row in history.rows.calls:
        ended_at = history.runs[row.run_id].ended_at
        if row.duplicate_of is None and ended_at is not None:
            late = row.created_at > ended_at + history.skew
            text = "an attempt was claimed after its run had ended" if late else None
            findings.hold(text, call_id=row.id, run_id=row.run_id)
    for create in history.ledger.creates:
        found = history.row_of(create)
        if found is not None:
            _check_create(history, create, found, limits.get(found.run_id), findings)
    return findings


def _limits(history: History) -> dict[int, tuple[float, str]]:
    """For each run that somebody ended: since when nothing may be written, and by what request."""
    limits: dict[int, tuple[float, str]] = {}
    for action in history.actions or ():
        if action.run_id is not None:
            grace = history.times.send_within if action.kind == "force_cancel" else 0.0
            limit = (action.answered_at + grace, action.kind)
            limits[action.run_id] = min(limit, limits.get(action.run_id, limit))
    return limits


def _check_create(
    history: History, create: Create, row: Call, limit: tuple[float, str] | None, findings: Findings
) -> None:
    at = create.at - history.skew - history.transit
    ended_at = history.runs[row.run_id].ended_at
    text = None
    if limit is not None and at > limit[0]:
        text = f"a create came {create.at - limit[0]:.3f} s after it was ruled out by the answer to {limit[1]}"
    elif ended_at is not None and at > ended_at + history.times.send_within:
        text = f"a create came {create.at - ended_at:.3f} s after its run had ended"
    findings.hold(text, request_id=create.request_id, call_id=row.id, run_id=row.run_id)
