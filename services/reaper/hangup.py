"""Carries out hang-ups that somebody asked for, as soon as the call's sid is certain.

Rules: a guess is never hung up; a hang-up is repeated until the provider took it or says that the call is over.
"""

from __future__ import annotations

from datetime import timedelta

from services.reaper.look import CONNECT_SECONDS, MARGIN_SECONDS
from shared.crashpoints import crash_point
from shared.db import Database
from shared.errors import ProviderAway, SecretUnreadable
from shared.logs import logger
from shared.purse import Purse
from shared.queries import checks
from shared.queries.checks import HangUp
from shared.settings import Settings
from shared.telephony.hangup import HangUpResult, hang_up
from shared.telephony.http import ProviderHttp

log = logger()


class Hanger:
    """Ends calls at the provider."""

    def __init__(self, db: Database, http: ProviderHttp, purse: Purse, settings: Settings) -> None:
        self._db = db
        self._http = http
        self._purse = purse
        self._patience = timedelta(seconds=CONNECT_SECONDS + settings.dial_timeout + MARGIN_SECONDS)

    async def take(self, limit: int, per_account: int, busy: list[int]) -> list[HangUp]:
        """Take due hang-ups."""
        crash_point("reaper.hangups.before")
        taken = await checks.take_hangups(
            self._db, limit=limit, per_account=per_account, busy=busy, patience=self._patience
        )
        crash_point("reaper.hangups.taken")
        return taken

    async def end(self, call: HangUp) -> None:
        """End one call. Raises ProviderAway or SecretUnreadable after noting that it must be tried again."""
        try:
            crash_point("reaper.hangup.asking")
            result = await hang_up(self._http, self._purse.credentials(call), call.call_sid)
            crash_point("reaper.hangup.answered")
        except (ProviderAway, SecretUnreadable):
            await self._note(call, done=False)
            raise
        await self._note(call, done=result is not HangUpResult.UNKNOWN)
        log.info(
            "CALL_HANGUP",
            business_id=call.business_id,
            run_id=call.run_id,
            job_id=call.job_id,
            call_id=call.call_id,
            call_sid=call.call_sid,
            action=result.value,
        )

    async def _note(self, call: HangUp, *, done: bool) -> None:
        crash_point("reaper.hangup.before")
        await checks.note_hangup(self._db, call, done=done)
        crash_point("reaper.hangup.noted")
