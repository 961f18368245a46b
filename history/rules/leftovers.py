"""Rule (e): no queued job in an ended run, in-progress ones end within the longest life, counters equal rows.

Exactly: a job of a run that is over is not queued, and of a completed run neither dialing nor in progress; a job that
is dialing or in progress has a last attempt whose longest life (SEND_WITHIN + DIAL_TIMEOUT + ring timeout + TimeLimit +
10 min, and the provider's queue time) plus the patience is not over yet, and no attempt that has ended outlived it.
`total_leads` is the number of jobs and `cursor_position` that of those marked as dialled; each job with a call in the
ledger is so marked once that is known; `attempts` is the number of its attempts but for those handed back as never
sent or never processed.
"""

from __future__ import annotations

from history.findings import Findings
from history.history import History
from history.rows import HANDED_BACK, Call, Job, Run
from history.times import AFTER_THE_CALL

IN_HAND = ("dialing", "in_progress")


def check(history: History) -> Findings:
    findings = Findings()
    for run in history.rows.runs:
        wrong = _wrong_counters(history, run)
        findings.hold(wrong, run_id=run.id)
    for job in history.rows.jobs:
        wrong = _wrong_job(history, job)
        findings.hold(wrong, job_id=job.id, run_id=job.run_id)
    return findings


def _wrong_counters(history: History, run: Run) -> str | None:
    jobs = history.jobs_of_run.get(run.id, [])
    dialled = sum(job.dialed for job in jobs)
    if run.total_leads != len(jobs):
        return f"total_leads is {run.total_leads}, and there are {len(jobs)} jobs"
    if run.cursor_position != dialled:
        return f"cursor_position is {run.cursor_position}, and {dialled} jobs were dialled"
    return None


def _wrong_job(history: History, job: Job) -> str | None:
    run = history.runs[job.run_id]
    attempts = history.attempts_of_job.get(job.id, [])
    if job.status == "queued" and run.ended_at is not None:
        return f"a job is queued, and its run is {run.status}"
    if job.status in IN_HAND and run.status == "completed":
        return f"a job is {job.status}, and its run is completed"
    if job.status in IN_HAND and not attempts:
        return f"a job is {job.status} without an attempt"
    if any(_outlived(history, run, attempt) for attempt in attempts):
        return "an attempt went on past its longest life"
    if job.status in IN_HAND and history.waited_out(_longest_life(history, run, attempts[-1])):
        return f"a job is {job.status} past the longest life of its attempt"
    counted = sum(attempt.settled_how not in HANDED_BACK for attempt in attempts)
    if job.attempts != counted:
        return f"attempts is {job.attempts}, and {counted} count"
    if not job.dialed and job.status != "dialing" and any(history.placed_of(attempt) for attempt in attempts):
        return "a job was rung and is not marked as dialled"
    return None


def _outlived(history: History, run: Run, attempt: Call) -> bool:
    until = history.rows.read_at if attempt.ended_at is None else attempt.ended_at
    return until > _longest_life(history, run, attempt) + history.patience + history.skew


def _longest_life(history: History, run: Run, attempt: Call) -> float:
    times = history.times
    queued = max((call.queue_seconds for call in history.placed_of(attempt)), default=0.0)
    sending = times.send_within + times.dial_timeout
    return attempt.created_at + sending + queued + run.ring_timeout + times.max_call_seconds + AFTER_THE_CALL
