"""The class of every refusal that the provider documents."""

from __future__ import annotations

import pytest

from shared.errors import Ambiguous, CreateFailed, CreateRejected, DeadlinePassed, NotSent
from shared.telephony.answers import AnswerClass, class_of, classify

C = AnswerClass
BY_CODE: dict[int, AnswerClass] = {
    # caller id and parameters: the next job would be refused as well
    **dict.fromkeys((21210, 21212), C.RUN_REFUSED),
    **dict.fromkeys((21201, 21213, 21205, 21609, 21626, 21206, 21208, 21209), C.RUN_REFUSED),
    **dict.fromkeys((21218, 21234, 21200, 20422, 32018), C.RUN_REFUSED),
    # this number
    **dict.fromkeys((21211, 21217, 21214, 21202, 21216, 13225), C.NUMBER_REJECTED),
    **dict.fromkeys((21215, 13227, 21203, 13224), C.NUMBER_REJECTED),
    **dict.fromkeys((21219, 573002, 573005, 10002), C.NUMBER_REJECTED),
    # the account
    **dict.fromkeys((20003, 10001, 20005, 90010, 20403, 20006, 10005, 70051, 20404), C.ACCOUNT_BLOCKED),
    **dict.fromkeys((10004, 86008, 22005), C.ACCOUNT_FULL),
    20429: C.THROTTLED,
    # nobody knows
    **dict.fromkeys((20500, 20503), C.AMBIGUOUS),
    # not documented
    **dict.fromkeys((21601, 99999, 1), C.NUMBER_REJECTED),
}
BY_STATUS: dict[int, AnswerClass] = {
    **dict.fromkeys((200, 201, 204), C.AMBIGUOUS),
    **dict.fromkeys((301, 302, 303, 307, 308), C.RUN_REFUSED),
    **dict.fromkeys((401, 402, 403, 404), C.ACCOUNT_BLOCKED),
    405: C.RUN_REFUSED,
    408: C.AMBIGUOUS,
    499: C.AMBIGUOUS,
    429: C.THROTTLED,
    **dict.fromkeys((400, 409, 410, 415, 422, 451), C.NUMBER_REJECTED),
    **dict.fromkeys((500, 502, 503, 504, 520, 599), C.AMBIGUOUS),
}


@pytest.mark.parametrize("code", BY_CODE)
def test_a_code_decides_under_the_status_that_comes_with_most_codes(code: int) -> None:
    assert classify(code, 400) is BY_CODE[code]


@pytest.mark.parametrize("code", [code for code in BY_CODE if code > 1000 and code not in (21601, 99999)])
@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_known_code_decides_before_the_status(code: int, status: int) -> None:
    assert classify(code, status) is BY_CODE[code]


@pytest.mark.parametrize("status", BY_STATUS)
def test_without_a_code_the_status_decides(status: int) -> None:
    assert classify(status, status) is BY_STATUS[status]


@pytest.mark.parametrize("code", BY_CODE)
def test_a_server_error_is_ambiguous_unless_its_code_says_not_now_or_not_you(code: int) -> None:
    not_carried_out = {C.THROTTLED, C.ACCOUNT_FULL, C.ACCOUNT_BLOCKED}
    expected = BY_CODE[code] if BY_CODE[code] in not_carried_out else C.AMBIGUOUS
    assert classify(code, 500) is expected


@pytest.mark.parametrize("code", BY_CODE)
def test_429_was_never_processed_whatever_its_code(code: int) -> None:
    assert classify(code, 429) in {C.THROTTLED, C.ACCOUNT_FULL}


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (NotSent(), C.NOT_SENT),
        (DeadlinePassed(), C.DEADLINE),
        (Ambiguous(), C.AMBIGUOUS),
        (CreateFailed(), C.NOT_SENT),
        (CreateRejected(21211, 400, "no"), C.NUMBER_REJECTED),
        (CreateRejected(429, 429, "no"), C.THROTTLED),
    ],
)
def test_what_a_create_raises_has_a_class(error: CreateFailed, expected: AnswerClass) -> None:
    assert class_of(error) is expected
