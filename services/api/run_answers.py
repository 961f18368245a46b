"""What the API says about runs and jobs."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel

from shared.domain import JobStatus, RunStatus

WaitingFor = Literal["slots", "rate", "provider", "uncertain", "dispatcher"]


class Blocked(BaseModel):
    """The account refuses calls: since when, with which of the provider's codes, and when it is tried again."""

    code: str
    since: datetime
    retry_at: datetime


class RunAnswer(BaseModel):
    """A run. queued + in_progress + completed + failed + cancelled = total_leads."""

    run_id: int
    business_id: int
    name: str | None
    status: RunStatus
    total_leads: int
    queued: int
    in_progress: int
    completed: int
    failed: int
    cancelled: int
    cursor_position: int
    can_cancel: bool
    cancel_requested: bool
    stale: bool
    blocked: Blocked | None
    waiting_for: WaitingFor | None
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    last_heartbeat_at: datetime | None
    locked_by_worker: str | None
    created_by_user_id: str | None
    end_reason: str | None


class ActiveAnswer(RunAnswer):
    """The oldest active run of the business, and up to 100 active ones, oldest first."""

    runs: list[RunAnswer]


class RunList(BaseModel):
    """A page of runs, newest first; `next` is the `after` of the following page."""

    items: list[RunAnswer]
    next: int | None


class CallAnswer(BaseModel):
    """One attempt."""

    call_id: int
    call_sid: str | None
    state: str
    created_at: datetime
    accepted_at: datetime | None
    answered_at: datetime | None
    ended_at: datetime | None
    outcome: str | None
    error_code: str | None


class JobAnswer(BaseModel):
    """One lead of a run."""

    job_id: int
    lead_id: int | None
    phone: str | None
    status: JobStatus
    outcome: str | None
    attempts: int
    error_code: str | None
    calls: list[CallAnswer]


class JobList(BaseModel):
    """A page of jobs in the order of dialling; `next` is the `after` of the following page."""

    items: list[JobAnswer]
    next: int | None


class SkippedLead(BaseModel):
    """An id that made no job."""

    lead_id: int
    reason: Literal["duplicate", "unknown_lead"]


class StartedAnswer(BaseModel):
    """A run was made. `total_leads` is the number of its jobs."""

    success: bool
    run_id: int
    status: RunStatus
    total_leads: int
    queued: int
    skipped: list[SkippedLead]


class CancelAnswer(BaseModel):
    """The run is being cancelled; no dial of it starts after this answer."""

    success: bool = True
    cancel_requested: bool = True


class StopAnswer(BaseModel):
    """The run is stopped; no dial of it starts after this answer."""

    success: bool = True
    jobs_cancelled: int


class ForceCancelAnswer(BaseModel):
    """The run is cancelled, whoever held it. `calls_hung_up` counts the hang-ups asked for."""

    success: bool = True
    message: str
    jobs_cancelled: int
    calls_hung_up: int


class ReconciledRun(BaseModel):
    """A run that was ended because nothing of it was open."""

    run_id: int
    old_status: RunStatus
    new_status: RunStatus
    reason: str
    completed_jobs: int
    total_leads: int


class ReconcileAnswer(BaseModel):
    """Which runs were ended."""

    success: bool = True
    reconciled_count: int
    runs: list[ReconciledRun]
    message: str


class AbandonAnswer(BaseModel):
    """The call was given up."""

    success: bool = True
    message: str
