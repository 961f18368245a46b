"""Rule (h): no slot is held at rest.

Exactly: a live row holds a slot, so it has a call at the provider that is live, or one that ended no longer than the
patience ago, or it is younger than SEND_WITHIN + DIAL_TIMEOUT + ABSENT_AFTER + SETTLE_AFTER and the patience: then it
is still being settled. At rest, when no call is live, that leaves none.
"""

from __future__ import annotations

from history.findings import Findings
from history.history import History
from history.rows import Call


def check(history: History) -> Findings:
    findings = Findings()
    for row in history.rows.calls:
        held = row.live and history.waited_out(_needed_until(history, row))
        text = "a slot is held for nothing" if held else None
        findings.hold(text, call_id=row.id, run_id=row.run_id, business_id=row.business_id)
    return findings


def _needed_until(history: History, row: Call) -> float:
    """The moment since when nothing needs this slot; that of reading while its call is live."""
    times = history.times
    placed = history.placed_of(row)
    guessed = history.ledger.by_sid.get(row.sid or "")
    if guessed is not None and guessed not in placed:
        placed = [*placed, guessed]
    if not placed:
        settling = times.send_within + times.dial_timeout + times.absent_after + times.settle_after
        return row.created_at + settling
    return max(history.rows.read_at if call.ended_at is None else call.ended_at for call in placed)
