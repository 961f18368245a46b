"""What a look at the provider says about a call. Pure: evidence in, finding out.

Rules: a call without a sid is looked for among those between its two numbers; a candidate was made by the API, between
the claim and the last moment at which its create could be carried out, and is no other call of ours. One candidate is
a guess, more are no decision, and none denies the call only because the list was whole.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from shared.queries.checks import Check
from shared.telephony.callback import outcome_of, status_of
from shared.telephony.reads import ProviderCall

CLOCKS_DIFFER: Final = timedelta(seconds=5)
"""How far the provider's clock may be behind the database's; its dates are whole seconds besides."""

OUTBOUND: Final = "outbound-api"


@dataclass(frozen=True)
class Finding:
    """What a look found; `word` is one that ringfence_settle knows, `rank` is 0 to 4, `outcome` goes with 4.

    `status` is the provider's word, and `made` is when it says that it made the call.
    """

    word: str
    call_sid: str | None = None
    rank: int | None = None
    outcome: str | None = None
    status: str | None = field(default=None, compare=False)
    made: datetime | None = field(default=None, compare=False)


NOTHING: Final = Finding("nothing")


def candidates(check: Check, listed: Iterable[ProviderCall], absent_after: timedelta) -> list[ProviderCall]:
    """The listed calls that may be this one, before those that are known to be others are taken out."""
    earliest = check.created_at - CLOCKS_DIFFER
    latest = check.last_moment + absent_after
    return [
        call
        for call in listed
        if call.direction in (None, OUTBOUND)
        and _same_number(call.to, check.to_number)
        and _same_number(call.from_, check.from_number)
        and _within(call.date_created, earliest, latest)
    ]


def judge_list(found: Iterable[ProviderCall], known: Collection[str]) -> Finding:
    """What is left of the candidates once the sids that belong to other calls of ours are taken out."""
    left = [call for call in found if call.sid not in known]
    if not left:
        return Finding("absent")
    if len(left) > 1:
        return Finding("several")
    return _finding("guess", left[0])


def going_on(listed: Iterable[ProviderCall]) -> dict[str, str]:
    """The provider's word for each call that it shows as going on."""
    statuses = {call.sid: status_of(call.status) for call in listed}
    return {sid: status.value for sid, status in statuses.items() if status is not None and not status.terminal}


def judge_fetch(call: ProviderCall | None) -> Finding:
    """What a call's own sid tells; None is not seen yet, for reads lag behind."""
    return NOTHING if call is None else _finding("status", call)


def _finding(word: str, call: ProviderCall) -> Finding:
    status = status_of(call.status)
    if status is None:
        return Finding(word, call.sid, made=call.date_created)
    outcome = outcome_of(status, call.answered_by)
    return Finding(word, call.sid, status.rank, outcome, status.value, call.date_created)


def _within(moment: datetime | None, earliest: datetime, latest: datetime) -> bool:
    # a date is cut to the second, so one from the first second of the window may lie just before it
    return moment is None or earliest.replace(microsecond=0) <= moment <= latest


def _same_number(listed: str | None, ours: str) -> bool:
    """Whether two numbers have the same digits; a call whose number is not told may be anybody's."""
    return listed is None or _digits(listed) == _digits(ours)


def _digits(number: str) -> str:
    return "".join(sign for sign in number if sign.isdigit())
