"""The words of the domain and the steps that are legal between them.

Rules: nothing here does I/O. A state is set in the database by the statement whose WHERE names the states it may
come from; the tables below say the same, so that a test can hold every statement against them.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from shared.errors import IllegalTransition


class RunStatus(StrEnum):
    """Where a run stands."""

    PENDING = "pending"  # set by the api at start; the first claim moves it on
    RUNNING = "running"  # set by the first claim; whoever ends the last open job moves it on
    COMPLETED = "completed"  # every job has ended, and at least one was dialled
    CANCELLED = "cancelled"  # somebody cancelled it
    STOPPED = "stopped"  # somebody stopped the queue, or the run was stale
    FAILED = "failed"  # every further job would have been refused, or nothing was ever dialled


class JobStatus(StrEnum):
    """Where one lead of one run stands."""

    QUEUED = "queued"  # set at start, or when its attempt is known not to have happened; a claim moves it on
    DIALING = "dialing"  # set by a claim; the create's answer, a callback or settling moves it on
    IN_PROGRESS = "in_progress"  # the provider holds a call; its terminal callback moves it on
    COMPLETED = "completed"  # the call ended: answered, machine, busy, no_answer or canceled
    FAILED = "failed"  # refused, failed by the carrier, fate unknown, or never dialled
    CANCELLED = "cancelled"  # it was still queued when its run was cancelled or stopped


class CallState(StrEnum):
    """Where one attempt stands. A live one holds a slot."""

    DIALING = "dialing"  # committed by the claim before the create is sent
    UNCERTAIN = "uncertain"  # no answer came, so the provider may or may not hold a call
    ACCEPTED = "accepted"  # the provider gave a sid
    RINGING = "ringing"  # a callback said so
    ANSWERED = "answered"  # a callback said so
    ENDED = "ended"  # over, with an outcome
    ABANDONED = "abandoned"  # known not to exist, or given up; should it surface it is hung up


class Outcome(StrEnum):
    """How a job ended."""

    ANSWERED = "answered"
    MACHINE = "machine"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    CANCELED = "canceled"
    FAILED = "failed"
    REJECTED = "rejected"
    UNCERTAIN = "uncertain"
    NOT_DIALED = "not_dialed"


DUPLICATE = "duplicate"
"""The outcome of a call row that records a second sid for one token. No job ever has it."""

ACTIVE_RUNS = frozenset({RunStatus.PENDING, RunStatus.RUNNING})
OPEN_JOBS = frozenset({JobStatus.QUEUED, JobStatus.DIALING, JobStatus.IN_PROGRESS})
LIVE_CALLS = frozenset(
    {CallState.DIALING, CallState.UNCERTAIN, CallState.ACCEPTED, CallState.RINGING, CallState.ANSWERED}
)
REACHED = frozenset({Outcome.ANSWERED, Outcome.MACHINE, Outcome.BUSY, Outcome.NO_ANSWER, Outcome.CANCELED})
"""Outcomes that make a job `completed`; every other one makes it `failed`."""

_R, _J, _C = RunStatus, JobStatus, CallState

RUN_STEPS: Mapping[RunStatus, frozenset[RunStatus]] = {
    _R.PENDING: frozenset({_R.RUNNING, _R.COMPLETED, _R.CANCELLED, _R.STOPPED, _R.FAILED}),
    _R.RUNNING: frozenset({_R.COMPLETED, _R.CANCELLED, _R.STOPPED, _R.FAILED}),
    _R.COMPLETED: frozenset(),
    _R.CANCELLED: frozenset(),
    _R.STOPPED: frozenset(),
    _R.FAILED: frozenset(),
}

JOB_STEPS: Mapping[JobStatus, frozenset[JobStatus]] = {
    # queued -> in_progress: the call of an attempt that had been given up surfaced after all
    _J.QUEUED: frozenset({_J.DIALING, _J.IN_PROGRESS, _J.COMPLETED, _J.FAILED, _J.CANCELLED}),
    _J.DIALING: frozenset({_J.QUEUED, _J.IN_PROGRESS, _J.COMPLETED, _J.FAILED, _J.CANCELLED}),
    _J.IN_PROGRESS: frozenset({_J.COMPLETED, _J.FAILED}),
    # a better word for the same call's end came after a first one
    _J.COMPLETED: frozenset({_J.FAILED}),
    _J.FAILED: frozenset({_J.COMPLETED}),
    _J.CANCELLED: frozenset(),
}

CALL_STEPS: Mapping[CallState, frozenset[CallState]] = {
    _C.DIALING: frozenset({_C.UNCERTAIN, _C.ACCEPTED, _C.RINGING, _C.ANSWERED, _C.ENDED, _C.ABANDONED}),
    _C.UNCERTAIN: frozenset({_C.ACCEPTED, _C.RINGING, _C.ANSWERED, _C.ENDED, _C.ABANDONED}),
    _C.ACCEPTED: frozenset({_C.RINGING, _C.ANSWERED, _C.ENDED, _C.ABANDONED}),
    _C.RINGING: frozenset({_C.ANSWERED, _C.ENDED, _C.ABANDONED}),
    _C.ANSWERED: frozenset({_C.ENDED, _C.ABANDONED}),
    _C.ENDED: frozenset(),
    _C.ABANDONED: frozenset(),
}


State = TypeVar("State", RunStatus, JobStatus, CallState)


def check_step(steps: Mapping[State, frozenset[State]], current: State, wanted: State) -> State:
    """Return `wanted`, or raise IllegalTransition where the table has no such step."""
    if wanted not in steps[current]:
        raise IllegalTransition(f"{type(current).__name__}: {current} does not become {wanted}")
    return wanted


def job_status_for(outcome: Outcome) -> JobStatus:
    """A job with this outcome is `completed` when the provider reached the line, else `failed`."""
    return JobStatus.COMPLETED if outcome in REACHED else JobStatus.FAILED
