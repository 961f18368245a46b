"""Turns what is known of a run into what is said of it."""

from __future__ import annotations

from services.api.run_answers import Blocked, RunAnswer, WaitingFor
from shared.queries.runs import RunFacts

AMBIGUOUS = "ambiguous"
"""The code of a breaker that uncertain calls themselves have opened."""


def describe(run: RunFacts) -> RunAnswer:
    """Return the answer about a run."""
    return RunAnswer.model_validate(
        {name: getattr(run, name) for name in RunAnswer.model_fields if hasattr(run, name)}
        | {
            "can_cancel": run.ended_at is None and not run.cancel_requested,
            "blocked": _blocked(run),
            "waiting_for": waiting_for(run),
        }
    )


def _blocked(run: RunFacts) -> Blocked | None:
    if run.blocked_code is None or run.blocked_since is None or run.retry_at is None:
        return None
    return Blocked(code=run.blocked_code, since=run.blocked_since, retry_at=run.retry_at)


def waiting_for(run: RunFacts) -> WaitingFor | None:
    """Return why nothing of a run is being dialled now; None when nothing stands in the way, or nothing is left."""
    if run.ended_at is not None or run.cancel_requested or not run.queued:
        return None
    if not run.dispatcher_alive:
        return "dispatcher"
    full = run.live is not None and run.cap is not None and run.live >= run.cap
    if full and run.uncertain == run.live and run.blocked_code in (None, AMBIGUOUS):
        return "uncertain"
    if run.blocked_code is not None or not run.has_account:
        return "provider"
    if full:
        return "slots"
    if not run.claimable:
        return "uncertain"
    return None if run.rate_allows else "rate"
