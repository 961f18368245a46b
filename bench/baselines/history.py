"""A baseline's tables and the provider's ledger, in the form that the history checker reads.

Rules: a create belongs to the job whose id its callback's address ends in, and each create of a job is an attempt of
it. What the tables say of the job is said of its last attempt, or of the one whose sid they name. A slot that the
design keeps elsewhere counts as a live attempt, and one that no job knows of as an attempt of nobody's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from history.history import History
from history.ledger import Create, Ledger, PlacedCall
from history.outcomes import WORDS
from history.rows import Business, Call, Job, Rows, Run
from history.times import Times

TIMES = Times(dial_timeout=0.0, settle_after=0.0, absent_after=0.0)
"""Nothing is settled later here, so a slot without a call is held for nothing sooner; the rest is the contract's."""
PATIENCE = 2.0
STATUS = {
    "queued": "queued",
    "dialing": "dialing",
    "calling": "in_progress",
    "done": "completed",
    "cancelled": "cancelled",
}


@dataclass(frozen=True)
class HeldSlot:
    """A slot that is taken, by its name, and since when (Unix seconds)."""

    business_id: int
    name: str
    since: float


@dataclass(frozen=True)
class Tables:
    """A baseline's rows at one moment."""

    now: float
    businesses: list[dict[str, Any]]
    runs: list[dict[str, Any]]
    jobs: list[dict[str, Any]]


def history_of(ledger: Ledger, tables: Tables, held: Iterable[HeldSlot]) -> History:
    """A history that the checker can read."""
    creates: dict[str, list[Create]] = defaultdict(list)
    for create in ledger.creates:
        creates[create.token or ""].append(create)
    slots = list(held)
    names = {slot.name for slot in slots}
    calls = [call for job in tables.jobs for call in _attempts(job, creates[str(job["id"])], names)]
    calls += _orphans(tables, slots)
    last = {call.job_id: call.token for call in calls}
    rows = Rows(
        tables.now,
        [Business(**row) for row in tables.businesses],
        [_run(row) for row in tables.runs],
        [_job(row, last.get(row["id"])) for row in tables.jobs],
        [replace(call, id=number) for number, call in enumerate(calls, 1)],
    )
    return History(ledger, rows, TIMES, patience=PATIENCE)


def _attempts(job: Mapping[str, Any], creates: list[Create], held: set[str]) -> Iterator[Call]:
    """One for each create, which gets a token of its own; one without a create for a job that was only claimed."""
    for number, create in enumerate(creates, 1):
        create.token = f"{job['id']}.{number}"
    named = [create for create in creates if any(call.sid == job["call_sid"] for call in create.calls)]
    known = (named or creates)[-1:]
    for create in creates:
        if create not in known:
            yield _attempt(job, create, None)
    for create in known:
        yield _attempt(job, create, create.calls[0] if named else None, held)
    if not creates and job["status"] in ("dialing", "calling", "done"):
        yield _attempt(job, None, None, held)


def _attempt(
    job: Mapping[str, Any], create: Create | None, call: PlacedCall | None, held: set[str] | None = None
) -> Call:
    """`held` is given for the attempt that the job's row tells of."""
    told = held is not None
    live = told and (job["slot"] in (held or ()) or job["status"] in ("dialing", "calling"))
    at = create.at if create else job["dialed_at"]
    return Call(
        id=0,
        business_id=job["business_id"],
        run_id=job["run_id"],
        job_id=job["id"],
        account=create.account if create else "",
        token=create.token or "" if create else f"{job['id']}.0",
        to=job["phone"],
        lead_phone=job["phone"],
        sid=call.sid if call else None,
        sid_is_guess=False,
        state="accepted" if live else "ended",
        outcome=WORDS.get(job["call_status"] or "") if told else None,
        error_code=None,
        settled_how=None if live else "callback",
        duplicate_of=None,
        created_at=min(at, job["dialed_at"] or at) if told else at,
        ended_at=None if live else (job["ended_at"] or at),
        denied_at=None,
        surfaced_at=None,
        hangup_requested_at=None,
        hung_up_at=None,
    )


def _orphans(tables: Tables, slots: list[HeldSlot]) -> Iterator[Call]:
    """Slots that no job knows of."""
    known = {job["slot"] for job in tables.jobs}
    runs = {run["business_id"]: run["id"] for run in tables.runs}
    for number, slot in enumerate(slots, 1):
        if slot.name not in known:
            nobody = {"id": -number, "run_id": runs[slot.business_id], "business_id": slot.business_id, "phone": ""}
            about = {"slot": slot.name, "status": "dialing", "call_status": None, "ended_at": None}
            yield replace(_attempt({**nobody, **about, "dialed_at": slot.since}, None, None, set()), token=slot.name)


def _run(row: Mapping[str, Any]) -> Run:
    return Run(row["id"], row["business_id"], row["status"], 0, 0, "redial", row["ended_at"], None, 60)


def _job(row: Mapping[str, Any], token: str | None) -> Job:
    outcome = WORDS.get(row["call_status"] or "")
    return Job(row["id"], row["run_id"], row["id"], STATUS[row["status"]], outcome, 0, token, None, outcome is not None)
