"""The rows of the accused, as they stand at one moment; times are Unix seconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

NEVER_SENT = frozenset({"not_sent", "deadline"})
"""`settled_how` of an attempt whose create is said not to have left."""

NEVER_PROCESSED = frozenset({"throttled", "account_full", "account_blocked"})
"""`settled_how` of an attempt that the provider is said to have turned away for now."""

HANDED_BACK = NEVER_SENT | NEVER_PROCESSED


@dataclass(frozen=True, slots=True)
class Business:
    id: int
    cap: int


@dataclass(frozen=True, slots=True)
class Run:
    id: int
    business_id: int
    status: str
    total_leads: int
    cursor_position: int
    on_uncertain: str
    ended_at: float | None
    end_reason: str | None
    ring_timeout: int


@dataclass(frozen=True, slots=True)
class Job:
    id: int
    run_id: int
    lead_id: int | None
    status: str
    outcome: str | None
    attempts: int
    token: str | None = field(repr=False)
    error_code: str | None
    dialed: bool


@dataclass(frozen=True, slots=True)
class Call:
    id: int
    business_id: int
    run_id: int
    job_id: int
    account: str
    token: str = field(repr=False)
    to: str = field(repr=False)
    lead_phone: str | None = field(repr=False)
    sid: str | None
    sid_is_guess: bool
    state: str
    outcome: str | None
    error_code: str | None
    settled_how: str | None
    duplicate_of: int | None
    created_at: float
    ended_at: float | None
    denied_at: float | None
    surfaced_at: float | None
    hangup_requested_at: float | None
    hung_up_at: float | None

    @property
    def live(self) -> bool:
        return self.ended_at is None

    @property
    def superseded(self) -> bool:
        """Whether the attempt was given up because the provider was found not to hold it."""
        return self.state == "abandoned" and self.settled_how == "absent"


@dataclass(frozen=True, slots=True)
class Rows:
    """All of them in the order of their ids; `read_at` is the database's clock when they were read."""

    read_at: float
    businesses: Sequence[Business]
    runs: Sequence[Run]
    jobs: Sequence[Job]
    calls: Sequence[Call]
