"""Rule (h): no slot is held at rest.

Exactly: a live row holds a slot, so it has a call at the provider that is live, or one that ended no longer than the
patience ago, or it is younger than SEND_WITHIN + DIAL_TIMEOUT + ABSENT_AFTER + SETTLE_AFTER and the patience: then it
is still being settled. Where no callback told of the end and the provider's reads cannot, since they lie about the call
or list several for it, the slot is held to the longest life. At rest, when no call is live, that leaves none.
"""

from __future__ import annotations

import math

from history.findings import Findings
from history.history import History
from history.ledger import PlacedCall
from history.rows import Call

LISTED_BEFORE = 5.0
"""Seconds before its claim from which a listed call may be an attempt's."""


def check(history: History) -> Findings:
    findings = Findings()
    for row in history.rows.calls:
        held = row.live and history.waited_out(_needed_until(history, row))
        text = "a slot is held for nothing" if held else None
        findings.hold(text, call_id=row.id, run_id=row.run_id, business_id=row.business_id)
    return findings


def _needed_until(history: History, row: Call) -> float:
    """The moment since when nothing needs this slot; that of reading while a call of it is live."""
    times = history.times
    placed = history.placed_of(row)
    told = any(moment >= (call.ended_at or math.inf) for call in placed for moment in call.delivered)
    candidates = placed if told else [*placed, *_taken_for_it(history, row)]
    if not candidates:
        settling = times.send_within + times.dial_timeout + times.absent_after + times.settle_after
        return row.created_at + settling
    if any(call.ended_at is None for call in candidates):
        return history.rows.read_at
    if not told and (len(candidates) > 1 or any("lying_status" in call.behaviour for call in placed)):
        return max(history.longest_life(call) for call in candidates)
    return max(call.ended_at or 0.0 for call in candidates)


def _taken_for_it(history: History, row: Call) -> list[PlacedCall]:
    """Somebody else's calls that a list may show for this attempt while it has no certain sid."""
    if row.sid is not None and not row.sid_is_guess:
        return []
    return [
        call
        for call in history.ledger.foreign
        if (call.to, call.account) == (row.to, row.account) and call.at >= row.created_at - LISTED_BEFORE
    ]
