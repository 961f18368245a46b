"""What the provider's refusals of a create mean. Pure.

Rules: the code decides first, then the HTTP status, because the status that goes with several codes is not published.
A 5xx may have been carried out, so only a code that says "not now" or "not you" overrules it.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from shared.errors import Ambiguous, CreateFailed, CreateRejected, DeadlinePassed


class AnswerClass(StrEnum):
    """What became of a create."""

    ACCEPTED = "accepted"  # the provider gave a sid
    AMBIGUOUS = "ambiguous"  # it may have been carried out; settle it, never send it again
    NOT_SENT = "not_sent"  # no byte left; the job may be dialled again
    DEADLINE = "deadline"  # no byte left, because time was up
    THROTTLED = "throttled"  # too many requests at once; never processed
    ACCOUNT_FULL = "account_full"  # the account holds as many calls as it may; later
    ACCOUNT_BLOCKED = "account_blocked"  # bad credentials, suspended, no funds; until somebody mends it
    NUMBER_REJECTED = "number_rejected"  # this number only; the job has failed
    RUN_REFUSED = "run_refused"  # every further job of the run would be refused the same way


_CODES_OF: Mapping[AnswerClass, tuple[int, ...]] = {
    AnswerClass.AMBIGUOUS: (20500, 20503),
    AnswerClass.THROTTLED: (20429,),
    AnswerClass.ACCOUNT_FULL: (10004, 86008, 22005),
    AnswerClass.ACCOUNT_BLOCKED: (20003, 70051, 10001, 20005, 20006, 20403, 90010, 10005, 20404),
    AnswerClass.NUMBER_REJECTED: (
        *(21211, 21217, 21214, 21202, 21216, 13224, 13225),  # no such number, unreachable, premium, blocklist
        *(21215, 21203, 13227),  # no permission for its country
        *(21219, 573002, 573005, 10002),  # a trial account may not call it
    ),
    AnswerClass.RUN_REFUSED: (
        *(21210, 21212),  # the caller id
        *(21200, 21201, 21205, 21206, 21208, 21209, 21213, 21218, 21234, 21609, 21626, 20422, 32018),  # parameters
    ),
}
_BY_CODE = {code: meaning for meaning, codes in _CODES_OF.items() for code in codes}
_NOT_CARRIED_OUT = frozenset({AnswerClass.THROTTLED, AnswerClass.ACCOUNT_FULL, AnswerClass.ACCOUNT_BLOCKED})
_BY_STATUS: Mapping[int, AnswerClass] = {
    401: AnswerClass.ACCOUNT_BLOCKED,
    402: AnswerClass.ACCOUNT_BLOCKED,
    403: AnswerClass.ACCOUNT_BLOCKED,
    404: AnswerClass.ACCOUNT_BLOCKED,
    405: AnswerClass.RUN_REFUSED,
    408: AnswerClass.AMBIGUOUS,  # somebody on the way gave up waiting; what lies behind may not have
    499: AnswerClass.AMBIGUOUS,
}


def classify(code: int, status: int) -> AnswerClass:
    """The class of an answer without a usable sid. `code` equals `status` where the body named none."""
    by_code = _BY_CODE.get(code)
    if status == 429:
        return AnswerClass.ACCOUNT_FULL if by_code is AnswerClass.ACCOUNT_FULL else AnswerClass.THROTTLED
    if status < 300:
        return AnswerClass.AMBIGUOUS
    if status >= 500:
        return by_code if by_code in _NOT_CARRIED_OUT else AnswerClass.AMBIGUOUS
    if by_code is not None:
        return by_code
    if status < 400:
        return AnswerClass.RUN_REFUSED
    return _BY_STATUS.get(status, AnswerClass.NUMBER_REJECTED)


def class_of(error: CreateFailed) -> AnswerClass:
    """The class of what `create_call` raised."""
    if isinstance(error, CreateRejected):
        return classify(error.code, error.status)
    if isinstance(error, Ambiguous):
        return AnswerClass.AMBIGUOUS
    return AnswerClass.DEADLINE if isinstance(error, DeadlinePassed) else AnswerClass.NOT_SENT
