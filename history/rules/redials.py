"""Rule (i): a second call for a job comes only after two denials at the times that the contract demands, or after an
attempt that was provably never sent or never processed.

Exactly, for each attempt that was given up, and for each that was followed by another of the same job:

* by denials: its first denial is on record and lies SETTLE_AFTER or more before its end; its end lies ABSENT_AFTER or
  more past its claim + SEND_WITHIN + DIAL_TIMEOUT; the provider had made no call for it by then, unless a fault was
  injected that kept one out of its lists; and it was followed by another only in a run that redials when absent;
* never sent: the ledger holds no create of it;
* never processed: the ledger holds no call for it, and no create with a good answer;
* any other attempt is the last of its job.

The settings must be those that the system ran with. Denials are the database's word: a ledger tells of no reads.
"""

from __future__ import annotations

from itertools import pairwise

from history.findings import Findings
from history.history import History
from history.rows import NEVER_PROCESSED, NEVER_SENT, Call


def check(history: History) -> Findings:
    findings = Findings()
    for attempts in history.attempts_of_job.values():
        for attempt, following in [*pairwise(attempts), (attempts[-1], None)]:
            if following is not None or attempt.state == "abandoned":
                wrong = _wrong(history, attempt, following)
                findings.hold(wrong, call_id=attempt.id, job_id=attempt.job_id, run_id=attempt.run_id)
    return findings


def _wrong(history: History, attempt: Call, following: Call | None) -> str | None:
    if attempt.ended_at is None or (following and following.created_at < attempt.ended_at - history.skew):
        return "a job was claimed again while its attempt was live"
    if attempt.settled_how in NEVER_SENT:
        return "an attempt given up as never sent was sent" if history.creates.get(attempt.token) else None
    if attempt.settled_how in NEVER_PROCESSED:
        return None if _turned_away(history, attempt) else "an attempt given up as never processed was processed"
    if attempt.superseded:
        return _wrong_denials(history, attempt, attempt.ended_at, following)
    if following is not None:
        return f"a job was claimed again after an attempt settled by {attempt.settled_how}"
    return None


def _turned_away(history: History, attempt: Call) -> bool:
    creates = history.creates.get(attempt.token, [])
    return all(not create.calls and (create.answer_status or 0) >= 300 for create in creates)


def _wrong_denials(history: History, attempt: Call, ended_at: float, following: Call | None) -> str | None:
    times = history.times
    earliest = attempt.created_at + times.send_within + times.dial_timeout + times.absent_after - history.skew
    if attempt.denied_at is None:
        return "an attempt was given up without a first denial"
    if ended_at < attempt.denied_at + times.settle_after - history.skew:
        return f"an attempt was given up {ended_at - attempt.denied_at:.3f} s after its first denial"
    if ended_at < earliest:
        return f"an attempt was given up {earliest - ended_at:.3f} s too early"
    creates = history.creates.get(attempt.token, [])
    there = any(call.at < ended_at - history.skew for create in creates for call in create.calls)
    if there and not any(history.faults.late(create) for create in creates):
        return "an attempt was given up as absent while the provider held its call"
    if following and history.runs[attempt.run_id].on_uncertain == "never":
        return "a run that never redials on doubt redialled"
    return None
