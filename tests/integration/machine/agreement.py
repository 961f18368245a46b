"""Holds the database against the model, and both against what must never be."""

from __future__ import annotations

from collections import Counter
from typing import Any

from shared.domain import CALL_STEPS, JOB_STEPS, RUN_STEPS
from tests.integration.machine.model import Model
from tests.integration.machine.provider import Provider

Snapshot = dict[str, Any]


def compare(model: Model, found: Snapshot) -> None:
    """Every run, job, call, account and the lease are as the model has them."""
    _name_duplicates(model, found)
    for kind, things in (("runs", model.runs), ("jobs", model.jobs()), ("calls", model.calls)):
        rows = {row["id"]: row for row in found[kind]}
        assert rows.keys() == {thing.id for thing in things}, kind
        for thing in things:
            wrong = [(name, rows[thing.id][name], value) for name, value in thing.seen().items()
                     if rows[thing.id][name] != value]  # fmt: skip
            assert not wrong, f"{kind} {thing.id}: (column, found, expected) {wrong}"
    rows = {row["id"]: row for row in found["accounts"]}
    for account in model.accounts:
        assert rows[account.id]["blocked_code"] == account.blocked
        assert rows[account.id]["ambiguous_in_a_row"] == account.ambiguous
    assert (found["lease"]["epoch"], found["lease"]["holder"]) == (model.lease.epoch, model.lease.holder)


def _name_duplicates(model: Model, found: Snapshot) -> None:
    """The row of a second sid is known by that sid until its id has been seen."""
    ids = {row["call_sid"]: row["id"] for row in found["calls"]}
    for call in model.calls:
        if call.id == 0:
            call.id = ids[call.sid]


def hold_invariants(model: Model, provider: Provider, found: Snapshot, before: Snapshot | None) -> None:
    """What must hold after every step, read from the rows alone where rows can tell."""
    _one_live_call_each(found)
    _runs_and_jobs_agree(model, found)
    _nothing_is_forgotten(model, provider, found)
    if before is not None:
        _steps_are_legal(before, found)
        _slots_within_the_cap(model, before, found)


def _one_live_call_each(found: Snapshot) -> None:
    live = [row for row in found["calls"] if row["ended_at"] is None]
    for key in (("job_id",), ("business_id", "lead_id"), ("business_id", "slot_no")):
        counts = Counter(tuple(row[name] for name in key) for row in live)
        assert all(count == 1 for count in counts.values()), f"two live calls with one {key}"
    sids = Counter(row["call_sid"] for row in found["calls"] if row["call_sid"])
    assert all(count == 1 for count in sids.values()), "one sid in two rows"


def _runs_and_jobs_agree(model: Model, found: Snapshot) -> None:
    for run in found["runs"]:
        jobs = [job for job in found["jobs"] if job["run_id"] == run["id"]]
        edited = next(one for one in model.runs if one.id == run["id"]).edited
        queued = [job["id"] for job in jobs if job["status"] == "queued"]
        open_now = any(job["status"] in ("queued", "dialing", "in_progress") for job in jobs)
        over = run["ended_at"] is not None
        assert len(jobs) == run["total_leads"]
        assert run["cursor_position"] == sum(job["dialed"] for job in jobs)
        assert edited or not (over and queued), "a run that is over has a queued job"
        assert edited or over or open_now, "a run goes on with nothing open"
        assert not queued or over or run["claim_floor"] <= min(queued), "the floor hides a queued job"


def _nothing_is_forgotten(model: Model, provider: Provider, found: Snapshot) -> None:
    """A live row is looked at again some time, and a call that goes on unwatched is being hung up."""
    for row in found["calls"]:
        assert row["ended_at"] is not None or row["watched"], "a live call that nobody will look at"
        assert not row["look_after_life"], "a look later than the longest life"
    in_hand = {call.job.id for call in model.calls if call.live or (call.surfaced and call.watched)}
    for job in found["jobs"]:
        assert job["status"] not in ("dialing", "in_progress") or job["id"] in in_hand, "a job that nothing will end"
    for real in provider.live():
        known = next((call for call in model.calls if call.sid == real.sid and not call.guess), None)
        followed = known is None or known.live or known.hangup_requested or known.how == "expired" or real.said_over
        assert followed, f"{real.sid} goes on and nobody follows it or hangs it up"


def _steps_are_legal(before: Snapshot, found: Snapshot) -> None:
    """Ends are ends: only a job's outcome may be put better afterwards."""
    legal: dict[str, Any] = {"runs": RUN_STEPS, "jobs": JOB_STEPS, "calls": CALL_STEPS}
    for kind, steps in legal.items():
        column = "state" if kind == "calls" else "status"
        was = {row["id"]: row[column] for row in before[kind]}
        for row in found[kind]:
            old, new = was.get(row["id"], row[column]), row[column]
            assert old == new or new in steps[old], f"{kind}: {old} -> {new}"
    cursors = {run["id"]: run["cursor_position"] for run in before["runs"]}
    assert all(run["cursor_position"] >= cursors.get(run["id"], 0) for run in found["runs"]), "a cursor fell"


def _slots_within_the_cap(model: Model, before: Snapshot, found: Snapshot) -> None:
    """Lowering the cap leaves live calls alone, but none is added above it."""
    for business in model.businesses:
        was, now = (
            [row for row in shot["calls"] if row["ended_at"] is None and row["business_id"] == business.id]
            for shot in (before, found)
        )
        assert len(now) <= max(business.cap, len(was)), "more slots in use than the cap allows"
        known = {row["id"] for row in was}
        assert all(row["slot_no"] < business.cap for row in now if row["id"] not in known)
