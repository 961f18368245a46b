"""The tables of legal steps: every pair, legal and illegal, and what follows from an outcome."""

from itertools import product

import pytest

from shared.domain import (
    ACTIVE_RUNS,
    CALL_STEPS,
    DUPLICATE,
    JOB_STEPS,
    LIVE_CALLS,
    OPEN_JOBS,
    REACHED,
    RUN_STEPS,
    CallState,
    JobStatus,
    Outcome,
    RunStatus,
    check_step,
    job_status_for,
)
from shared.errors import IllegalTransition

RUNS = {
    "pending": "running completed cancelled stopped failed",
    "running": "completed cancelled stopped failed",
}
JOBS = {
    "queued": "dialing in_progress completed failed cancelled",
    "dialing": "queued in_progress completed failed cancelled",
    "in_progress": "completed failed",
    "completed": "failed",
    "failed": "completed",
}
CALLS = {
    "dialing": "uncertain accepted ringing answered ended abandoned",
    "uncertain": "accepted ringing answered ended abandoned",
    "accepted": "ringing answered ended abandoned",
    "ringing": "answered ended abandoned",
    "answered": "ended abandoned",
}


@pytest.mark.parametrize(("current", "wanted"), list(product(RunStatus, RunStatus)))
def test_every_step_of_a_run(current: RunStatus, wanted: RunStatus) -> None:
    if wanted in RUNS.get(current, "").split():
        assert check_step(RUN_STEPS, current, wanted) is wanted
    else:
        with pytest.raises(IllegalTransition, match=f"RunStatus: {current} does not become {wanted}"):
            check_step(RUN_STEPS, current, wanted)


@pytest.mark.parametrize(("current", "wanted"), list(product(JobStatus, JobStatus)))
def test_every_step_of_a_job(current: JobStatus, wanted: JobStatus) -> None:
    if wanted in JOBS.get(current, "").split():
        assert check_step(JOB_STEPS, current, wanted) is wanted
    else:
        with pytest.raises(IllegalTransition, match=f"JobStatus: {current} does not become {wanted}"):
            check_step(JOB_STEPS, current, wanted)


@pytest.mark.parametrize(("current", "wanted"), list(product(CallState, CallState)))
def test_every_step_of_a_call(current: CallState, wanted: CallState) -> None:
    if wanted in CALLS.get(current, "").split():
        assert check_step(CALL_STEPS, current, wanted) is wanted
    else:
        with pytest.raises(IllegalTransition, match=f"CallState: {current} does not become {wanted}"):
            check_step(CALL_STEPS, current, wanted)


def test_what_is_over_is_never_open_again() -> None:
    assert not any(RUN_STEPS[status] & ACTIVE_RUNS for status in set(RunStatus) - ACTIVE_RUNS)
    assert not any(JOB_STEPS[status] & OPEN_JOBS for status in set(JobStatus) - OPEN_JOBS)
    assert not any(CALL_STEPS[state] & LIVE_CALLS for state in set(CallState) - LIVE_CALLS)


def test_everything_open_can_come_to_an_end() -> None:
    assert all(RUN_STEPS[status] - ACTIVE_RUNS for status in ACTIVE_RUNS)
    assert all(JOB_STEPS[status] - OPEN_JOBS for status in OPEN_JOBS)
    assert all(CALL_STEPS[state] - LIVE_CALLS for state in LIVE_CALLS)


def test_a_job_is_completed_when_the_line_was_reached() -> None:
    completed = {outcome.value for outcome in Outcome if job_status_for(outcome) is JobStatus.COMPLETED}
    assert completed == {"answered", "machine", "busy", "no_answer", "canceled"} == {word.value for word in REACHED}
    failed = {outcome.value for outcome in Outcome if job_status_for(outcome) is JobStatus.FAILED}
    assert failed == {"failed", "rejected", "uncertain", "not_dialed"}


def test_no_job_ends_as_a_duplicate() -> None:
    assert DUPLICATE not in set(Outcome)
