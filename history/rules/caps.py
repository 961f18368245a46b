"""Rule (c): never more live calls than the cap at any instant.

Exactly: whenever the provider makes a call of a business, the calls of that business that are live there, this one
with them, are at most the largest cap that may have held between its claim (SEND_WITHIN and the transit before) and
that moment, give or take the skew. So lowering a cap leaves live calls alone, and lets none begin. How long a call is
live, and which are not counted, is as in rule (b). A call whose business nobody knows is rule (a)'s. The caps come
from the file of caps, whose last line for a business must say what the database says now; a business without a line
had its present cap all along.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from history.findings import Findings
from history.history import History
from history.ledger import PlacedCall
from history.rows import Business


def check(history: History) -> Findings:
    findings = Findings()
    by_business: dict[int, list[PlacedCall]] = defaultdict(list)
    for call in history.ledger.calls:
        row = history.row_of(call.create)
        if row is not None and not history.is_excused(call):
            by_business[row.business_id].append(call)
    for business_id, calls in by_business.items():
        _check_business(history, history.businesses[business_id], calls, findings)
    for business in history.rows.businesses:
        last = history.caps.last(business.id)
        if last is not None:
            text = None if last == business.cap else f"the cap is {business.cap}, and {last} was the last one set"
            findings.hold(text, business_id=business.id)
    return findings


def _check_business(history: History, business: Business, calls: Iterable[PlacedCall], findings: Findings) -> None:
    live = 0
    for at, step, sid in _steps(history, calls):
        live += step
        if step < 0:
            continue
        since = at - history.times.send_within - history.transit - history.skew
        cap = history.caps.largest(business.id, since, at + history.skew, business.cap)
        text = None if live <= cap else f"{live} calls were live at once, {cap} were allowed"
        findings.hold(text, business_id=business.id, call_sid=sid)


def _steps(history: History, calls: Iterable[PlacedCall]) -> list[tuple[float, int, str]]:
    """Beginnings (+1) and ends (-1) in their order; at one moment the end comes first."""
    steps = [(call.at, 1, call.sid) for call in calls]
    return sorted([*steps, *((history.slot_until(call), -1, call.sid) for call in calls)])
