"""Rule (b): no two overlapping calls to one lead of a business.

Exactly: a lead of a business is a number as the ledger has it, with the business of the call's row; a call whose row
is unknown may be any business's that dials on its account. A call lasts from the moment at which the provider made it
to its end there, or to its longest life (queue time + Timeout + TimeLimit + 10 min), or to the moment at which an
operator gave it up; one without an end lasts. No two such spans overlap. Not counted are second and superseded calls
for which a fault was injected: those are rule (j)'s.
"""

from __future__ import annotations

from collections import defaultdict

from history.findings import Findings
from history.history import History
from history.ledger import PlacedCall


def check(history: History) -> Findings:
    findings = Findings()
    by_number: dict[str, list[PlacedCall]] = defaultdict(list)
    for call in sorted(history.ledger.calls, key=lambda call: call.at):
        if not history.is_excused(call):
            by_number[call.to].append(call)
    for calls in by_number.values():
        _check_number(history, calls, findings)
    return findings


def _check_number(history: History, calls: list[PlacedCall], findings: Findings) -> None:
    live: list[PlacedCall] = []
    for call in calls:
        live = [one for one in live if history.slot_until(one) > call.at]
        other = next((one for one in live if _same_business(history, one, call)), None)
        row = history.row_of(call.create)
        findings.hold(
            "a lead was rung while a call to it was live" if other else None,
            business_id=row.business_id if row else None,
            job_id=row.job_id if row else None,
            call_sid=call.sid,
            live_sid=other.sid if other else None,
            phone=call.to,
        )
        live.append(call)


def _same_business(history: History, one: PlacedCall, other: PlacedCall) -> bool:
    rows = history.row_of(one.create), history.row_of(other.create)
    if rows[0] is None or rows[1] is None:
        return one.account == other.account
    return rows[0].business_id == rows[1].business_id
