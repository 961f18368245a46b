"""Rule (g): every lead of a completed run was rung, or its reason is recorded.

Exactly: each job of a run with the status `completed` is completed or failed. With an outcome that only a call can
have, the ledger holds a call for one of its attempts (or, where an attempt was settled by a list, a call of somebody
else's that it took for its own). `rejected` stands for a create that the provider refused with the code that the job
has; `uncertain` for an attempt given up by hand, by its longest life or by denials, or for a call that the database
had lost; `not_dialed` for a job that no call was made for. Nothing else is a reason.
"""

from __future__ import annotations

from history.findings import Findings
from history.history import History
from history.outcomes import FROM_THE_LINE
from history.rows import Call, Job

GIVEN_UP = ("hand", "expired", "absent")
LOST_CALL = "unknown_call"


def check(history: History) -> Findings:
    findings = Findings()
    for run in history.rows.runs:
        if run.status == "completed":
            for job in history.jobs_of_run.get(run.id, []):
                text = f"a lead's job is {job.status} ({job.outcome}), which is neither rung nor a reason"
                wrong = None if _accounted_for(history, job) else text
                findings.hold(wrong, job_id=job.id, run_id=run.id, lead_id=job.lead_id)
    return findings


def _accounted_for(history: History, job: Job) -> bool:
    attempts = history.attempts_of_job.get(job.id, [])
    if job.status not in ("completed", "failed"):
        return False
    if job.outcome in FROM_THE_LINE:
        return any(_rung(history, attempt) for attempt in attempts)
    if job.outcome == "rejected":
        return any(_refused(history, attempt, job) for attempt in attempts)
    if job.outcome == "uncertain":
        return job.error_code == LOST_CALL or any(attempt.settled_how in GIVEN_UP for attempt in attempts)
    return job.outcome == "not_dialed" and not any(history.placed_of(attempt) for attempt in attempts)


def _rung(history: History, attempt: Call) -> bool:
    return bool(history.placed_of(attempt)) or attempt.settled_how == "list"


def _refused(history: History, attempt: Call, job: Job) -> bool:
    creates = history.creates.get(attempt.token, [])
    return any(
        not create.calls and (create.answer_status or 0) >= 300 and str(create.answer_code) == str(job.error_code)
        for create in creates
    )
