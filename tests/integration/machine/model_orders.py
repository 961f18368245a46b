"""What orders, sweeps and beats change in the model, and what a claim may bring."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tests.integration.machine.model import Model
from tests.integration.machine.nouns import (
    LEFTOVER_AFTER,
    NUDGE_AFTER,
    SLOW_PAUSE,
    STALE_AFTER,
    Business,
    Call,
    Job,
    Run,
)


@dataclass(frozen=True)
class Order:
    """What an order about a run should answer."""

    verdict: str
    status: str
    jobs: int = 0
    ended: bool = False
    hung_up: int = 0


def cancel(model: Model, run: Run) -> Order:
    now = model.tick()
    if run.over:
        again = run.cancel_requested and run.end_reason == "cancelled"
        return Order("done" if again else "over", run.status)
    before = run.status
    run.cancel_requested, run.updated = True, now
    jobs = model.close_queued(run, "cancelled", None)
    status = model.finish_run(run)
    return Order("done", status or before, jobs, status is not None)


def stop(model: Model, run: Run) -> Order:
    model.tick()
    jobs = model.end_run(run, "stopped", "stopped", "cancelled", None)
    return Order("over", run.status) if jobs is None else Order("done", "stopped", jobs, ended=True)


def force_cancel(model: Model, run: Run, hangup: bool) -> Order:
    model.tick()
    jobs = model.end_run(run, "cancelled", "force_cancelled", "failed", "not_dialed")
    if jobs is None:
        return Order("over", run.status)
    marked = [call for call in model.calls_of(run) if call.live] if hangup else []
    for call in marked:
        call.hangup_requested = call.wants_hangup = True
    return Order("done", "cancelled", jobs, ended=True, hung_up=len(marked))


def beat(model: Model, worker: str) -> tuple[set[int], set[int]]:
    """Beat every active run: the runs adopted, and the businesses to look at."""
    now = model.tick()
    adopted = set()
    active = [run for run in model.runs if not run.over]
    for run in active:
        if run.worker != worker:
            adopted.add(run.id)
        run.worker, run.heard, run.nudged, run.last_nudge = worker, now, None, None
    hungry = {run.business.id for run in active if run.claimable
              and any(job.status == "queued" for job in run.jobs)
              and len(model.live(run.business)) < run.business.cap}  # fmt: skip
    return adopted, hungry


def nudge(model: Model) -> set[int]:
    now = model.tick()
    nudged = set()
    for run in model.runs:
        last = run.last_nudge if run.last_nudge is not None else run.nudged
        if not run.over and run.quiet_since < now - NUDGE_AFTER and (last is None or last <= now - NUDGE_AFTER):
            run.nudged = now if run.nudged is None else run.nudged
            run.last_nudge = now
            nudged.add(run.id)
    return nudged


def correct_stale(model: Model) -> dict[int, tuple[str, int]]:
    """The runs corrected, with their new status and the number of jobs that were never dialled."""
    now = model.tick()
    corrected = {}
    for run in model.runs:
        unanswered = run.nudged is not None and run.nudged < now - (STALE_AFTER - NUDGE_AFTER)
        if run.status == "running" and run.quiet_since < now - NUDGE_AFTER and unanswered:
            status = "completed" if not run.open_jobs() else "cancelled" if run.cancel_requested else "stopped"
            corrected[run.id] = (status, model.end_run(run, status, "stale", "failed", "not_dialed") or 0)
    return corrected


def close_leftovers(model: Model) -> dict[int, tuple[str, int]]:
    now = model.tick()
    mended = {}
    for run in model.runs:
        if run.over:
            gentle = (run.end_reason or run.status) in ("cancelled", "stopped")
            jobs = model.close_queued(run, "cancelled" if gentle else "failed", None if gentle else "not_dialed")
            if jobs:
                mended[run.id] = (run.status, jobs)
                run.edited = False
        elif (
            not run.open_jobs()
            and run.updated < now - LEFTOVER_AFTER
            and not (run.status == "running" and run.nudged is not None)
        ):
            mended[run.id] = (model.finish_run(run) or run.status, 0)
    return mended


def reconcile(model: Model, business: Business) -> dict[int, tuple[str, str, int]] | None:
    """The runs ended, with their old and new status and completed jobs; None when it is too early to ask again."""
    now = model.tick()
    if business.reconciled > now - 0.06:
        return None
    business.reconciled = now
    ended = {}
    for run in model.runs:
        if run.business is business and not run.over and not run.open_jobs():
            before, done = run.status, sum(job.status == "completed" for job in run.jobs)
            ended[run.id] = (before, model.finish_run(run, "reconciled") or "", done)
    return ended


def open_jobs(model: Model, business: Business) -> list[Job]:
    """The jobs that a claim may take: queued, nobody of theirs on a live call, no unsure call to their number."""
    busy = {call.job.lead.id for call in model.live(business)}
    unsure = {call.job.lead.phone for call in model.calls
              if call.unsure and call.job.run.business.account is business.account}  # fmt: skip
    return [job for run in model.runs if run.business is business and run.claimable for job in run.jobs
            if job.status == "queued" and job.lead.id not in busy and job.lead.phone not in unsure]  # fmt: skip


def tokens(model: Model, business: Business, limit: int) -> int:
    """How many calls the rates allow now: a fast rate never limits these few."""
    slow = [owner for owner in (business, business.account) if owner.slow]
    if any(owner.next_dial > model.now for owner in (business, business.account)):
        return 0
    return min(limit, 1) if slow else limit


def claim(model: Model, business: Business, claimed: Sequence[Call], limit: int, worker: str) -> str:
    """Check what a claim brought to one business, make it so in the model, and return the verdict it should have."""
    account = business.account
    free = business.cap - len(model.live(business))
    if free <= 0 or (account.blocked and account.retry_at > model.now) or limit <= 0:
        assert not claimed, "claimed without a slot, on a blocked account, or past the limit"
        return "slots" if free <= 0 else "provider" if account.blocked and account.retry_at > model.now else "more"
    want = min(free, limit, tokens(model, business, limit), 1 if account.blocked else limit)
    open_before = open_jobs(model, business)
    _check_claim(model, open_before, claimed, want)
    for call in claimed:
        _take(model, call, worker)
    if claimed:
        business.last_claim = model.now
        for owner in (business, account):
            owner.next_dial = model.now + SLOW_PAUSE * len(claimed) if owner.slow else owner.next_dial
        account.retry_at = model.now + SLOW_PAUSE if account.blocked else account.retry_at
    return _verdict(model, business, len(claimed), want, free, limit)


def _check_claim(model: Model, open_before: list[Job], claimed: Sequence[Call], want: int) -> None:
    taken = [call.job for call in claimed]
    assert len({job.lead.id for job in taken}) == len(taken), "one lead claimed twice"
    assert all(job in open_before for job in taken), "a job claimed that nobody may dial now"
    most = min(want, len({job.lead.phone for job in open_before}))
    assert len(taken) <= most, "more calls than slots, rates and the limit allow"
    assert bool(taken) == bool(most), "a free slot left unused though a job is open"
    for run in {job.run.id: job.run for job in taken}.values():
        mine = [job.id for job in taken if job.run is run]
        leads = {job.lead.id for job in taken if job.run is not run}
        passed_over = [job.id for job in open_before if job.run is run and job.id < max(mine)
                       and job.id not in mine and job.lead.id not in leads]  # fmt: skip
        assert not passed_over, "jobs of a run are dialled in their order"
    if taken:
        first = min({job.run.id: job.run for job in open_before}.values(),
                    key=lambda run: (sum(call.live for call in model.calls_of(run)), run.id))  # fmt: skip
        assert any(job.run is first for job in taken), "the run with the fewest live calls goes first"


def _take(model: Model, call: Call, worker: str) -> None:
    job, run = call.job, call.job.run
    attempts_known = [other for other in model.calls if other.job is job and other.duplicate_of is None]
    for other in attempts_known:
        proven = (other.how == "absent" and other.denials == 2) or other.how not in ("absent", "callback", "list")
        assert other.state == "abandoned", "dialled again while an attempt has not been given up"
        assert proven, "dialled again without two denials or proof of not sent"
    job.status, job.owner, job.attempts = "dialing", call, job.attempts + 1
    run.status, run.worker, run.heard, run.updated = "running", worker, model.now, model.now
    run.nudged = run.last_nudge = None
    model.calls.append(call)


def _verdict(model: Model, business: Business, got: int, want: int, free: int, limit: int) -> str:
    queued = any(job.status == "queued" for run in model.runs if run.business is business and run.claimable
                 for job in run.jobs)  # fmt: skip
    if got >= free:
        return "slots"
    if business.account.blocked and got:
        return "provider"
    if got < want:
        return "idle" if not queued else "busy" if open_jobs(model, business) else "uncertain"
    if not queued:
        return "idle"
    return "more" if limit - got <= 0 else "rate"
