"""What the model is made of: plain values that know nothing of the database.

Times are in units of UNIT seconds. Steps of time are whole units and every limit below is half a unit off, so what a
test's own slowness adds never decides anything. Two things of the same unit are told apart by a tick.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

UNIT = 1000.0
SEND_WITHIN, DIAL_TIMEOUT = 0.5, 1.0
SETTLE_AFTER, ABSENT_AFTER, GRACE = 0.5, 3.0, 2.5
NUDGE_AFTER, STALE_AFTER, SILENCE = 0.5, 2.0, 1.5
RING_TIMEOUT = 0.06
MAX_CALL = 20.0 - RING_TIMEOUT - 0.6  # ten minutes are added to the longest life
LONGEST_LIFE = SEND_WITHIN + DIAL_TIMEOUT + 20.0
SLOW_PAUSE = 1.5  # between two calls of a slow rate
RETRY_AFTER = 0.3
LEFTOVER_AFTER = 0.3

ANSWERED_WELL = frozenset({"answered", "machine", "busy", "no_answer", "canceled"})
NEVER_SENT = ("not_sent", "deadline")
TURNED_AWAY = ("throttled", "account_full", "account_blocked")
REFUSED = ("number_rejected", "run_refused")


@dataclass
class Account:
    id: int
    sid: str
    shared: bool
    slow: bool = False
    next_dial: float = float("-inf")
    blocked: str | None = None
    blocked_since: float = 0.0
    retry_at: float = 0.0
    refusals: int = 0
    ambiguous: int = 0


@dataclass
class Business:
    id: int
    account: Account
    cap: int
    slow: bool = False
    next_dial: float = float("-inf")
    last_claim: float | None = None
    reconciled: float = float("-inf")


@dataclass
class Lead:
    """`tainted` once a fault was injected that may ring this person twice: then the ledger may show it."""

    id: int
    business: Business
    phone: str
    tainted: bool = False


@dataclass
class Run:
    id: int
    business: Business
    on_uncertain: str
    updated: float
    jobs: list[Job] = field(default_factory=list)
    status: str = "pending"
    cancel_requested: bool = False
    end_reason: str | None = None
    worker: str | None = None
    heard: float | None = None
    nudged: float | None = None
    last_nudge: float | None = None
    edited: bool = False
    """Somebody changed its rows by hand, and nothing has mended them yet."""

    @property
    def over(self) -> bool:
        return self.status not in ("pending", "running")

    @property
    def cursor(self) -> int:
        return sum(job.dialed for job in self.jobs)

    @property
    def quiet_since(self) -> float:
        return self.updated if self.heard is None else self.heard

    @property
    def claimable(self) -> bool:
        return not self.over and not self.cancel_requested

    def open_jobs(self) -> list[Job]:
        return [job for job in self.jobs if job.status in ("queued", "dialing", "in_progress")]

    def seen(self) -> dict[str, Any]:
        return {"status": self.status, "cancel_requested": self.cancel_requested, "end_reason": self.end_reason,
                "cursor_position": self.cursor, "locked_by_worker": self.worker, "nudged": self.nudged is not None,
                "total_leads": len(self.jobs)}  # fmt: skip


@dataclass
class Job:
    id: int
    run: Run
    lead: Lead
    status: str = "queued"
    outcome: str | None = None
    attempts: int = 0
    owner: Call | None = None
    dialed: bool = False

    def seen(self) -> dict[str, Any]:
        return {"status": self.status, "outcome": self.outcome, "attempts": self.attempts, "dialed": self.dialed,
                "dial_lock_token": str(self.owner.token) if self.owner else None}  # fmt: skip


@dataclass
class Call:
    """One row of `calls`. `watched` says that a look is due some time, `wants_hangup` that a hang-up is."""

    id: int
    job: Job
    token: UUID
    created: float
    epoch: int
    state: str = "dialing"
    outcome: str | None = None
    sid: str | None = None
    guess: bool = False
    unsure_why: str | None = None
    denied: float | None = None
    denials: int = 0
    how: str | None = None
    sequence: int | None = None
    surfaced: bool = False
    watched: bool = True
    hangup_requested: bool = False
    wants_hangup: bool = False
    hung_up: bool = False
    duplicate_of: Call | None = None

    @property
    def live(self) -> bool:
        return self.state not in ("ended", "abandoned")

    @property
    def unsure(self) -> bool:
        return self.live and (self.sid is None or self.guess)

    @property
    def deadline(self) -> float:
        return self.created + SEND_WITHIN

    @property
    def answer_due(self) -> float:
        return self.deadline + DIAL_TIMEOUT

    @property
    def expires(self) -> float:
        return self.created + LONGEST_LIFE

    def seen(self) -> dict[str, Any]:
        return {"state": self.state, "outcome": self.outcome, "call_sid": self.sid, "sid_is_guess": self.guess,
                "denied": self.denied is not None, "settled_how": self.how, "surfaced": self.surfaced,
                "watched": self.watched, "hangup_requested": self.hangup_requested,
                "wants_hangup": self.wants_hangup, "hung_up": self.hung_up,
                "duplicate_of": self.duplicate_of.id if self.duplicate_of else None}  # fmt: skip


Seen = Mapping[str, Any]
