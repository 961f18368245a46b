"""A status callback's fields in our words. Unknown fields are ignored; only the call's sid and status are required."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from shared.domain import Outcome
from shared.errors import RingfenceError
from shared.telephony import fields


class UnusableCallback(RingfenceError, ValueError):
    """A callback lacks a field that nothing can be done without."""

    def __init__(self, field_name: str) -> None:
        super().__init__(f"the callback's {field_name} is missing or unusable")
        self.field = field_name


class CallStatus(StrEnum):
    """The provider's words for where a call stands; `initiated` comes in callbacks only."""

    QUEUED = "queued"
    INITIATED = "initiated"
    RINGING = "ringing"
    IN_PROGRESS = "in-progress"
    COMPLETED = "completed"
    BUSY = "busy"
    FAILED = "failed"
    NO_ANSWER = "no-answer"
    CANCELED = "canceled"

    @property
    def rank(self) -> int:
        """How far the call has come, 0 to 4: callbacks arrive in any order, and a rank only rises."""
        return _RANKS.get(self, TERMINAL_RANK)

    @property
    def terminal(self) -> bool:
        """Whether the call is over."""
        return self.rank == TERMINAL_RANK


TERMINAL_RANK = 4
_RANKS: Mapping[CallStatus, int] = {
    CallStatus.QUEUED: 0,
    CallStatus.INITIATED: 1,
    CallStatus.RINGING: 2,
    CallStatus.IN_PROGRESS: 3,
}
_BY_WORD: Mapping[str, CallStatus] = {status.value: status for status in CallStatus}
_OUTCOMES: Mapping[CallStatus, Outcome] = {
    CallStatus.COMPLETED: Outcome.ANSWERED,
    CallStatus.BUSY: Outcome.BUSY,
    CallStatus.NO_ANSWER: Outcome.NO_ANSWER,
    CallStatus.FAILED: Outcome.FAILED,
    CallStatus.CANCELED: Outcome.CANCELED,
}


def status_of(word: str | None) -> CallStatus | None:
    """The status that a word of the provider's names, from a callback or from a read."""
    return _BY_WORD.get(word or "")


def outcome_of(status: CallStatus, answered_by: str | None) -> Outcome | None:
    """How a call ended, or None while it lives."""
    if status is CallStatus.COMPLETED and answered_by and answered_by.startswith(("machine", "fax")):
        return Outcome.MACHINE
    return _OUTCOMES.get(status)


@dataclass(frozen=True)
class Callback:
    """One status callback. `sequence` orders those of one call and counts nothing; `duration` is in seconds."""

    call_sid: str
    account_sid: str | None
    status: CallStatus
    sequence: int | None = None
    answered_by: str | None = None
    sip_code: int | None = None
    duration: int | None = None
    to: str | None = field(default=None, repr=False)
    from_: str | None = field(default=None, repr=False)

    @property
    def outcome(self) -> Outcome | None:
        """How the call ended, or None while it lives."""
        return outcome_of(self.status, self.answered_by)

    @classmethod
    def parse(cls, pairs: Iterable[tuple[str, str]]) -> Callback:
        """Reads the form fields of a callback. Raises UnusableCallback, which names the field."""
        said = dict(pairs)
        sid = fields.call_sid(said.get("CallSid"))
        if sid is None:
            raise UnusableCallback("CallSid")
        status = status_of(said.get("CallStatus"))
        if status is None:
            raise UnusableCallback("CallStatus")
        return cls(
            call_sid=sid,
            account_sid=fields.text(said.get("AccountSid")),
            status=status,
            sequence=fields.whole(said.get("SequenceNumber")),
            answered_by=fields.text(said.get("AnsweredBy")),
            sip_code=fields.whole(said.get("SipResponseCode")),
            duration=fields.whole(said.get("CallDuration")),
            to=fields.text(said.get("To")),
            from_=fields.text(said.get("From")),
        )
