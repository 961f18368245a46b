"""Looks calls up at the provider, and settles them by what it says.

Rules: the look is taken in the database first and no lock is held while it lasts; whatever comes of it is told to the
database, which decides, for a callback may have come meanwhile. A list that fails or is not whole denies nothing.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Final

from services.reaper.doubt import Doubts
from services.reaper.settle import NOTHING, Finding, candidates, going_on, judge_fetch, judge_list
from services.reaper.tell import Teller
from shared.crashpoints import crash_point
from shared.db import Database
from shared.errors import ProviderAway, SecretUnreadable
from shared.logs import logger
from shared.purse import Purse
from shared.queries import checks
from shared.queries.checks import Check, Waits
from shared.queries.sids import known_sids
from shared.settings import Settings
from shared.telephony.http import ProviderHttp
from shared.telephony.reads import ProviderCall, fetch_call, list_calls

CONNECT_SECONDS: Final = 3.0
MARGIN_SECONDS: Final = 10.0
"""How much longer a look is ours than it may take: two statements of five seconds."""

log = logger()


class Looker:
    """Looks at calls without a word about them."""

    def __init__(self, db: Database, http: ProviderHttp, purse: Purse, settings: Settings, teller: Teller) -> None:
        self._db = db
        self._http = http
        self._purse = purse
        self._teller = teller
        self._longest = CONNECT_SECONDS + settings.dial_timeout
        self._waits = waits_of(settings)
        self._doubts = Doubts()

    async def take(self, limit: int, per_account: int, busy: list[int]) -> list[Check]:
        """Take due looks."""
        patience = timedelta(seconds=self._longest + MARGIN_SECONDS)
        crash_point("reaper.looks.before")
        taken = await checks.take_checks(
            self._db, limit=limit, per_account=per_account, busy=busy, patience=patience, grace=self._waits.grace
        )
        crash_point("reaper.looks.taken")
        return taken

    async def look(self, check: Check) -> None:
        """Look, and settle. Raises ProviderAway or SecretUnreadable after saying that nothing was found out."""
        try:
            async with asyncio.timeout(self._longest):
                finding = await self._find(check)
        except TimeoutError:
            await self._settle(check, NOTHING)
            raise ProviderAway("the provider took too long") from None
        except (ProviderAway, SecretUnreadable):
            await self._settle(check, NOTHING)
            raise
        await self._settle(check, finding)

    async def _find(self, check: Check) -> Finding:
        credentials = self._purse.credentials(check)
        if check.kind == "fetch" and check.call_sid is not None:
            crash_point("reaper.fetch.asking")
            fetched = await fetch_call(self._http, credentials, check.call_sid)
            crash_point("reaper.fetch.answered")
            if fetched is None:
                self._doubts.not_found(check)
            return judge_fetch(fetched)
        repeats: list[ProviderCall] = []
        to, from_ = check.to_number, check.from_number
        crash_point("reaper.list.asking")
        listed = await list_calls(self._http, credentials, to=to, from_=from_, on_repeat=repeats.append)
        crash_point("reaper.list.answered")
        return await self._judge(check, listed, repeats)

    async def _judge(self, check: Check, listed: list[ProviderCall], repeats: list[ProviderCall]) -> Finding:
        found, live = candidates(check, listed, self._waits.absent_after), going_on(listed)
        known = await known_sids(self._db, live.keys() | {call.sid for call in found}, but=check.call_id)
        self._doubts.repeated(check, listed, repeats)
        self._doubts.live_after_end(check, live, known)
        finding = judge_list(found, known)
        if finding.word == "several":
            self._doubts.several(check, {call.sid for call in found} - known.keys())
        return finding

    async def _settle(self, check: Check, finding: Finding) -> None:
        log.debug(
            "CALL_LOOKED_UP",
            call_id=check.call_id,
            business_id=check.business_id,
            action=check.kind,
            finding=finding.word,
            call_sid=finding.call_sid,
            outcome=finding.outcome,
        )
        crash_point("reaper.settle.before")
        settled = await checks.settle(
            self._db,
            check.call_id,
            check.dial_token,
            finding.word,
            waits=self._waits,
            call_sid=finding.call_sid,
            rank=finding.rank,
            outcome=finding.outcome,
            looked_at=check.looked_at,
        )
        crash_point("reaper.settle.committed")
        if settled is not None:
            self._teller.tell(check.call_id, settled)
            self._doubts.settled(check, finding, settled)


def waits_of(settings: Settings) -> Waits:
    """The times that settling goes by."""
    return Waits(
        settle_after=timedelta(seconds=settings.settle_after),
        absent_after=timedelta(seconds=settings.absent_after),
        grace=timedelta(seconds=settings.webhook_grace),
    )
