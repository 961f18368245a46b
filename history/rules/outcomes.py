"""Rule (d): every ledger call is known with the same final outcome.

Exactly, from the ledger: each call that we asked for stands in a row of its own create's token, as the attempt's sid
or as a second call of it; unless no callback of it was ever taken and either its create made several calls, or its
attempt was given up in a way that rule (i) or (j) judges. If it is over, its row, once over too, has its outcome (or
the one that the provider was made to lie about); while it goes on, no row calls it ended unless the row was over
before. A row that is over by abandonment has the patience to learn the outcome. Second calls have the outcome
`duplicate` instead.

From the database: each sid in it is one of the ledger's, somebody else's only as a guess, and with that call's
outcome; no outcome that only a call can have stands without a sid, but for one found by a list and lost to its real
owner since; a job that came to its end by an attempt has that attempt's outcome, or is `uncertain` where the attempt
was given up.
"""

from __future__ import annotations

from history.findings import Findings
from history.history import History
from history.ledger import PlacedCall
from history.outcomes import FROM_THE_LINE, lied_about, outcome_of
from history.rows import Call, Job


def check(history: History) -> Findings:
    findings = Findings()
    for call in history.ledger.calls:
        row = history.row_of_sid(call.sid)
        owner = row and history.owner_of(row)
        wrong = _unknown(history, call) if row is None or owner is None else _wrong_row(history, call, row, owner)
        findings.hold(wrong, call_sid=call.sid, call_id=row.id if row else None)
    for row in history.rows.calls:
        wrong = _invented(history, row)
        findings.hold(wrong, call_id=row.id, run_id=row.run_id, call_sid=row.sid)
    for job in history.rows.jobs:
        if job.status in ("completed", "failed"):
            wrong = _wrong_job(history, job)
            findings.hold(wrong, job_id=job.id, run_id=job.run_id)
    return findings


def _unknown(history: History, call: PlacedCall) -> str | None:
    row = history.row_of(call.create)
    if not call.delivered and row is not None and call.create is not None:
        given_up = row.settled_how in ("hand", "expired") or history.is_excused(call)
        if row.live or given_up or len(call.create.calls) > 1:
            return None
    return "a call that the provider made stands in no row"


def _wrong_row(history: History, call: PlacedCall, row: Call, owner: Call) -> str | None:
    if owner.token != call.token:
        return "a call stands in the row of another create"
    if row.duplicate_of is not None or row.live:
        return None
    if call.ended_at is None:
        going_on = row.state == "ended" and not history.is_superseded(call)
        return "a call that goes on is ended in its row" if going_on else None
    told, real = row.outcome, outcome_of(call)
    if told == real or (told is not None and told == lied_about(call)):
        return None
    if row.state == "abandoned" and told in (None, "uncertain") and not history.waited_out(call.ended_at):
        return None
    return f"a call ended as {real}, and its row says {told}"


def _invented(history: History, row: Call) -> str | None:
    if row.sid is None:
        lost = row.settled_how == "list"
        return None if lost or row.outcome not in FROM_THE_LINE else f"an outcome {row.outcome} without a call"
    call = history.ledger.by_sid.get(row.sid)
    if call is None:
        return "a row names a call that the provider never made"
    if call.create is not None:
        return None
    if not row.sid_is_guess:
        return "a row names somebody else's call for certain"
    if row.state == "ended" and row.outcome not in (outcome_of(call), lied_about(call)):
        return f"a guessed call ended as {outcome_of(call)}, and its row says {row.outcome}"
    return None


def _wrong_job(history: History, job: Job) -> str | None:
    row = history.row_of_token(job.token)
    if row is None:
        invented = job.outcome in FROM_THE_LINE or job.outcome == "rejected"
        return f"a job ended as {job.outcome} without an attempt" if invented else None
    if row.outcome == job.outcome or (row.state == "abandoned" and job.outcome == "uncertain"):
        return None
    return f"a job ended as {job.outcome}, and its attempt as {row.outcome}"
