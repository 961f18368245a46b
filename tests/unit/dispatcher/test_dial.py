"""Whatever keeps a create from being sent is told with the ids of its call, and recorded."""

from __future__ import annotations

import asyncio
from typing import cast
from uuid import uuid4

import pytest
from structlog.testing import capture_logs

from services.dispatcher.dial import Dialer
from services.dispatcher.record import Recorder
from shared.errors import SecretUnreadable
from shared.purse import Purse
from shared.queries.dispatching import ClaimedCall, DialResult
from shared.settings import Settings
from shared.telephony import boottime
from shared.telephony.http import ProviderHttp

IDS = {"business_id": 1, "call_id": 2, "run_id": 3, "job_id": 4}
CALL = ClaimedCall(
    **IDS,
    attempt=1,
    dial_token=uuid4(),
    to_number="+972501234567",
    from_number="+15005550006",
    ring_timeout=60,
    account_id=5,
    account_sid="AC" + 32 * "0",
    account_is_shared=False,
    auth_token_sealed=b"sealed",
    adopted=False,
    waited=None,
)


class Shut:
    """A purse that gives nothing."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def credentials(self, _call: object) -> object:
        raise self._error


class Results:
    """A recorder that keeps what it is given."""

    def __init__(self) -> None:
        self.kept: list[DialResult] = []

    def put(self, result: DialResult) -> None:
        self.kept.append(result)


@pytest.mark.parametrize(
    ("error", "event", "klass", "code"),
    [
        (SecretUnreadable(), "SECRET_UNREADABLE", "account_blocked", "secret_unreadable"),
        (RuntimeError("a fault of ours"), "DIAL_FAILED", "not_sent", "internal"),
    ],
)
async def test_a_create_that_cannot_be_made_is_told_with_its_ids_and_recorded(
    error: Exception, event: str, klass: str, code: str
) -> None:
    results = Results()
    purse, http, settings = cast(Purse, Shut(error)), cast(ProviderHttp, None), cast(Settings, None)
    dialer = Dialer(http, purse, cast(Recorder, results), settings)
    with capture_logs() as lines:
        dialer.dial(CALL, boottime.now() + 600, "heartbeat")
        async with asyncio.timeout(60):
            await dialer.drain()
    (line,) = [line for line in lines if line["event"] == event]
    assert line["log_level"] == "error"
    assert {name: line[name] for name in IDS} == IDS
    assert CALL.to_number not in str(lines)
    assert [(one.call_id, one.klass, one.code) for one in results.kept] == [(2, klass, code)]
