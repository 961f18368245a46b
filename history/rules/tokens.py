"""Rule (a): every create carries a token of its own, known to the database, and no token twice.

Exactly: each create request in the ledger, carried out or not, has a token; no other request has the same one; an
attempt's row has it; that row names the number and the account that the request named, and the number is that of its
job's lead; the row was claimed before the request came (give or take the skew), and the request came no later than
SEND_WITHIN + DIAL_TIMEOUT after the claim, unless a late create was injected: nothing of it may be on its way longer.
"""

from __future__ import annotations

from history.findings import Findings
from history.history import History
from history.ledger import Create
from history.rows import Call


def check(history: History) -> Findings:
    findings = Findings()
    for create in history.ledger.creates:
        row = history.row_of(create)
        if create.token is None:
            findings.hold("a create without a token", request_id=create.request_id, phone=create.to)
        elif row is None:
            text = "a create whose token the database does not know"
            findings.hold(text, request_id=create.request_id, token=create.token, phone=create.to)
        else:
            wrong = _wrong(history, create, row)
            findings.hold(wrong, request_id=create.request_id, call_id=row.id, run_id=row.run_id)
    return findings


def _wrong(history: History, create: Create, row: Call) -> str | None:
    times = history.times
    latest = row.created_at + times.send_within + times.dial_timeout + history.skew + history.transit
    if len(history.creates[row.token]) > 1:
        return f"{len(history.creates[row.token])} creates carry one token"
    if create.to != row.to or row.to != (row.lead_phone or row.to):
        return "a create rang another number than its row's lead has"
    if create.account != row.account:
        return "a create was made on another account than its row says"
    if create.at < row.created_at - history.skew:
        return f"a create came {row.created_at - create.at:.3f} s before its row was claimed"
    if create.at > latest and not history.faults.late(create):
        return f"a create came {create.at - row.created_at:.3f} s after its claim"
    return None
