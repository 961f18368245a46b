"""What the database should hold, in plain Python: runs, jobs, calls and the few steps that everything else is made of.

Rules: nothing here reads the database. Times are the model's own. A step that is refused changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.integration.machine.nouns import ANSWERED_WELL, Account, Business, Call, Job, Lead, Run

_TICK = 1e-6


@dataclass
class Lease:
    """Who may dial. `connected` says that the holder's connection is there."""

    epoch: int
    holder: str | None = None
    renewed: float = 0.0
    connected: bool = False


@dataclass
class Model:
    lease: Lease
    units: int = 0
    ticks: int = 0
    accounts: list[Account] = field(default_factory=list)
    businesses: list[Business] = field(default_factory=list)
    leads: list[Lead] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    heard: set[tuple[int, str, str, int]] = field(default_factory=set)

    @property
    def now(self) -> float:
        return self.units + self.ticks * _TICK

    def tick(self) -> float:
        """A moment later, so that of two things in one unit one is earlier."""
        self.ticks += 1
        return self.now

    def jobs(self) -> list[Job]:
        return [job for run in self.runs for job in run.jobs]

    def call(self, id: int) -> Call:
        return next(call for call in self.calls if call.id == id)

    def live(self, business: Business) -> list[Call]:
        return [call for call in self.calls if call.live and call.job.run.business is business]

    def calls_of(self, run: Run) -> list[Call]:
        return [call for call in self.calls if call.job.run is run]

    def end_run(self, run: Run, status: str, reason: str, job_status: str, outcome: str | None) -> int | None:
        """End a run whatever is open; its queued jobs go where they are told. None when it was over."""
        if run.over:
            return None
        self._close(run, status, reason)
        return self.close_queued(run, job_status, outcome)

    def close_queued(self, run: Run, job_status: str, outcome: str | None) -> int:
        queued = [job for job in run.jobs if job.status == "queued"]
        for job in queued:
            job.status, job.outcome = job_status, outcome
        return len(queued)

    def finish_run(self, run: Run, reason: str | None = None) -> str | None:
        """End a run whose last open job has ended."""
        if run.open_jobs() or run.over:
            return None
        dialled = any(job.dialed or job.status == "completed" or job.outcome in ("failed", "rejected", "uncertain")
                      for job in run.jobs)  # fmt: skip
        status = "cancelled" if run.cancel_requested else "completed" if dialled else "failed"
        self._close(run, status, reason or ("never_dialed" if status == "failed" else status))
        return status

    def _close(self, run: Run, status: str, reason: str) -> None:
        run.status, run.end_reason, run.updated = status, reason, self.now
        run.worker = run.heard = run.nudged = run.last_nudge = None

    def close_call(self, call: Call, state: str, outcome: str, how: str) -> None:
        call.state, call.outcome, call.how = state, outcome, how
        call.watched = call.wants_hangup = False
        job = call.job
        if job.owner is call and job.status in ("dialing", "in_progress"):
            self.end_job(job, outcome)
        job.dialed = True

    def end_job(self, job: Job, outcome: str) -> None:
        job.status = "completed" if outcome in ANSWERED_WELL else "failed"
        job.outcome = outcome

    def return_job(self, call: Call, *, sent: bool, how: str) -> str | None:
        """Give an attempt up that the provider is known not to hold; its job's new status."""
        call.state, call.how = "abandoned", how
        call.watched = call.wants_hangup = False
        job, run = call.job, call.job.run
        if job.owner is not call or job.status != "dialing":
            return None
        if run.cancel_requested or run.end_reason in ("cancelled", "stopped"):
            job.status = "cancelled"
        elif not run.over and (not sent or run.on_uncertain == "redial_when_absent"):
            job.status = "queued"
        else:
            job.status, job.outcome = "failed", "uncertain" if sent else "not_dialed"
        job.owner = None
        if sent:
            job.dialed = True
        else:
            job.attempts -= 1
        return job.status

    def learn_sid(self, call: Call, sid: str) -> str:
        """Bind a sid that came with the token; a guess elsewhere gives way."""
        if call.sid == sid and not call.guess:
            return "known"
        for other in self.calls:
            if other.sid == sid and other.guess and other is not call:
                other.sid, other.guess, other.watched = None, False, other.live
        if any(other.sid == sid and other is not call and other.duplicate_of is not call for other in self.calls):
            return "foreign"
        if call.sid is not None and not call.guess:
            return "second"
        call.sid, call.guess = sid, False
        call.denied = None if call.live else call.denied
        call.wants_hangup = call.hangup_requested and not call.hung_up
        return "bound"

    def surface(self, call: Call, sid: str, outcome: str | None) -> bool:
        """A call that was given up exists after all: hang it up, and never dial its job again."""
        news = not call.surfaced
        call.sid, call.guess, call.surfaced = sid, False, True
        if outcome is None:
            call.hangup_requested = True
            call.wants_hangup = not call.hung_up
            call.watched = call.watched or not call.hung_up
        else:
            if call.state == "abandoned":
                call.outcome = outcome
            call.wants_hangup = call.watched = False
            call.hung_up = True
        job = call.job
        if outcome is None and job.status == "queued":
            job.status, job.owner = "in_progress", call
        elif outcome is not None and (job.status == "queued" or (job.status == "in_progress" and job.owner is call)):
            self.end_job(job, outcome)
            job.owner = call
        job.dialed = True
        return news

    def amend(self, call: Call, outcome: str, sequence: int | None, how: str = "callback") -> None:
        """A better word for an end that was known already."""
        call.outcome, call.sequence, call.how = outcome, sequence, how
        call.watched = call.wants_hangup = False
        if call.job.owner is call and call.job.status in ("completed", "failed"):
            self.end_job(call.job, outcome)
