"""A provider in memory: what was really dialled, whatever the database believes."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from tests.integration.machine.nouns import Call, Lead

EVENTS = {1: "initiated", 2: "ringing", 3: "answered", 4: "completed"}


@dataclass
class RealCall:
    """A call at the provider. One without a row of ours was made by somebody else on the account."""

    sid: str
    row: Call | None
    phone: str
    created: float
    rank: int = 1
    outcome: str | None = None
    said_over: bool = False
    """The provider said that it had ended, true or not."""

    @property
    def live(self) -> bool:
        return self.rank < 4


@dataclass(frozen=True)
class Callback:
    """A callback as it is delivered: once, often, late, or never."""

    row: Call
    sid: str
    event: str
    rank: int
    outcome: str | None
    sequence: int


@dataclass
class Provider:
    """The ledger: every create that was carried out, and the callbacks that are under way."""

    calls: list[RealCall] = field(default_factory=list)
    waiting: list[Callback] = field(default_factory=list)
    delivered: list[Callback] = field(default_factory=list)
    requests: set[UUID] = field(default_factory=set)

    def request(self, row: Call) -> None:
        """A create leaves for the provider. One request per row, ever."""
        assert row.token not in self.requests, f"a second create request for call {row.id}"
        self.requests.add(row.token)

    def carry_out(self, row: Call, now: float) -> RealCall:
        """Ring. Two live calls to one person are what all of this is about."""
        lead = row.job.lead
        assert lead.tainted or not self.live_for(lead), f"lead {lead.id} is rung twice, by call {row.id}"
        return self._add(row, lead.phone, now)

    def ring_for_somebody_else(self, phone: str, now: float) -> RealCall:
        return self._add(None, phone, now)

    def _add(self, row: Call | None, phone: str, now: float) -> RealCall:
        made = RealCall(f"CA{len(self.calls) + 1:032x}", row, phone, now)
        self.calls.append(made)
        self._tell(made)
        return made

    def advance(self, call: RealCall, rank: int, outcome: str | None) -> None:
        """The call rings, is answered or ends; its callback is under way."""
        call.rank = rank
        call.outcome = outcome
        self._tell(call)

    def _tell(self, call: RealCall) -> None:
        if call.row is not None:
            self.waiting.append(Callback(call.row, call.sid, EVENTS[call.rank], call.rank, call.outcome, call.rank - 1))

    def live(self) -> list[RealCall]:
        return [call for call in self.calls if call.live]

    def live_for(self, lead: Lead) -> list[RealCall]:
        return [call for call in self.live() if call.row is not None and call.row.job.lead is lead]

    def find(self, sid: str | None) -> RealCall | None:
        return next((call for call in self.calls if call.sid == sid), None)

    def made_for(self, row: Call) -> list[RealCall]:
        return [call for call in self.calls if call.row is row]

    def listed(self, row: Call) -> list[RealCall]:
        """What a listing of the row's number shows between its claim and its last moment."""
        phone = row.job.lead.phone
        return [call for call in self.calls if call.phone == phone and row.created <= call.created <= row.answer_due]
