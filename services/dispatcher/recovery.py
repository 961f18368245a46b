"""The way back after a failover or a restore: compare the accounts' recent calls with what the database knows.

Rules: nothing is claimed before every account on which something waits was listed whole; a lead that was rung by a
call unknown to the database is not rung again; what was compared is this database and no later one.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from services.dispatcher.lease import LeaseKeeper
from services.dispatcher.outage import Outage
from services.dispatcher.term import Term
from shared import metrics
from shared.contradictions import Contradictions
from shared.crashpoints import crash_point
from shared.db import Database
from shared.errors import DatabaseAway, DatabaseBusy, ProviderAway, SecretUnreadable
from shared.logs import logger
from shared.purse import Purse
from shared.queries import recovery
from shared.queries.recovery import Adopted, ListedAccount
from shared.queries.sids import known_sids
from shared.telephony.callback import status_of
from shared.telephony.errors import ProviderRefused
from shared.telephony.http import ProviderHttp
from shared.telephony.reads import ProviderCall, list_recent

MARGIN = timedelta(minutes=10)
"""How far apart the database's clock and the provider's may be, with the time that a create may take."""

LONGEST_UNKNOWN = timedelta(hours=24)
"""Since when to list where the database has never been renewed as trusted."""

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0

log = logger()
_TRANSIENT = (ProviderAway, ProviderRefused, SecretUnreadable, DatabaseAway, DatabaseBusy)


class Recovery:
    """Regains trust in the database while the term lasts."""

    def __init__(self, db: Database, http: ProviderHttp, purse: Purse, keeper: LeaseKeeper) -> None:
        self._db = db
        self._http = http
        self._purse = purse
        self._keeper = keeper
        self._outage = Outage("recovery")
        self._contradictions = Contradictions()

    async def run(self, term: Term) -> None:
        """Compare whenever the database is not trusted, until the term is over."""
        changed = self._keeper.trust.changed
        term.tell(changed.set)
        while not term.is_over():
            changed.clear()
            if not self._keeper.trust:
                await self._regain(term)
            elif not term.is_over():
                await changed.wait()

    async def _regain(self, term: Term) -> None:
        pause = 0.0
        while not self._keeper.trust and not await term.over_within(pause):
            pause = min(max(2 * pause, FIRST_PAUSE), LONGEST_PAUSE)
            try:
                trusted = await self._compare()
            except _TRANSIENT as error:
                self._outage.failed(error, epoch=term.epoch, action="compare recent calls, or trust-database by hand")
            else:
                self._outage.over()
                if trusted:
                    self._keeper.told(trusted=True)

    async def _compare(self) -> bool:
        doubt = await recovery.read_doubt(self._db)
        if doubt.trusted:  # by now: we were told by an answer that is older
            return True
        whole_until = doubt.trusted_until or datetime.now(UTC) - LONGEST_UNKNOWN
        for account in await recovery.listed_accounts(self._db):
            await self._compare_account(account, whole_until - MARGIN, doubt.asked_at)
        crash_point("dispatcher.trust.before")
        trusted = await recovery.trust_database(self._db, doubt.identity)
        crash_point("dispatcher.trust.committed")
        return trusted

    async def _compare_account(self, account: ListedAccount, since: datetime, asked_at: datetime) -> None:
        credentials = self._purse.credentials(account)
        batch: list[tuple[str, str]] = []
        live: dict[str, str] = {}
        repeats: list[ProviderCall] = []
        crash_point("dispatcher.recent.asking")
        async for call in list_recent(self._http, credentials, since, repeats.append):
            if call.to is not None and call.direction in (None, "outbound-api"):
                batch.append((call.sid, call.to))
                live |= _going_on(call)
        crash_point("dispatcher.recent.listed")
        # one statement: how many unknown calls went to a number is counted over all of them
        crash_point("dispatcher.adoption.before")
        adopted = await recovery.adopt_unknown(self._db, account.account_id, batch)
        crash_point("dispatcher.adoption.committed")
        for job in adopted:
            _tell(job)
        self._contradictions.live_after_end(await known_sids(self._db, live), live, asked_at)
        if repeats:
            said = {"said_rows": len(batch) + len(repeats), "said_sids": sorted({call.sid for call in repeats})[:10]}
            ids = {"account_id": account.account_id, "known_calls": len(batch)}
            self._contradictions.tell("repeated_rows", account.account_id, **ids, **said)
        log.info("ACCOUNT_COMPARED", account_id=account.account_id, calls=len(batch), since=since.isoformat())


def _going_on(call: ProviderCall) -> dict[str, str]:
    """Its sid and the provider's word for it, unless that says that it is over."""
    status = status_of(call.status)
    return {} if status is None or status.terminal else {call.sid: status.value}


def _tell(job: Adopted) -> None:
    metrics.DUPLICATE_DIALS_PREVENTED.labels(how="fence").inc()
    log.error(
        "DEDUP_CONFLICT",
        business_id=job.business_id,
        run_id=job.run_id,
        job_id=job.job_id,
        call_sid=job.call_sid,
        dedup_conflict=True,
        action="unknown_call",
    )
    if job.run_ended:
        log.info("RUN_ENDED", business_id=job.business_id, run_id=job.run_id, status=job.run_ended)
