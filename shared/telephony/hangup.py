"""Ends a call at the provider. May be repeated by whoever asked."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from shared.telephony.account import ask, calls_path
from shared.telephony.credentials import Credentials
from shared.telephony.errors import ProviderRefused
from shared.telephony.http import ProviderHttp

_NOT_IN_PROGRESS: Final = 21220


class HangUpResult(StrEnum):
    """What a hang-up met."""

    ENDED = "ended"  # the provider ended it, whatever state it was in
    ALREADY_ENDED = "already_ended"
    UNKNOWN = "unknown"  # no such call, or not visible yet


async def hang_up(http: ProviderHttp, credentials: Credentials, sid: str) -> HangUpResult:
    """Ends the call, queued, ringing or answered. Raises ProviderAway when the provider did not say."""
    try:
        await ask(http, credentials, calls_path(credentials, sid), form={"Status": "completed"})
    except ProviderRefused as refused:
        if refused.code == _NOT_IN_PROGRESS:
            return HangUpResult.ALREADY_ENDED
        if refused.status == 404:
            return HangUpResult.UNKNOWN
        raise
    return HangUpResult.ENDED
