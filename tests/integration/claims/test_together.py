"""Every statement that changes a campaign, all at once: nobody waits for ever, and no step is illegal."""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeAlias

from shared.domain import CALL_STEPS, JOB_STEPS, RUN_STEPS, CallState, JobStatus, RunStatus
from shared.telephony.answers import AnswerClass
from tests.integration.campaigns import WORKER, Campaigns, Row, new_sid
from tests.integration.claims.conftest import Crew
from tests.integration.claims.parts import broken_invariants, claim_all

RECORD_STEPS = """
    CREATE TABLE steps (kind text, was text, is_now text);
    CREATE FUNCTION note_step() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO steps SELECT TG_TABLE_NAME, to_jsonb(OLD) ->> TG_ARGV[0], to_jsonb(NEW) ->> TG_ARGV[0];
        RETURN NULL;
    END $$;
    CREATE TRIGGER note_step AFTER UPDATE ON outbound_call_runs FOR EACH ROW
        WHEN (OLD.status <> NEW.status) EXECUTE FUNCTION note_step('status');
    CREATE TRIGGER note_step AFTER UPDATE ON outbound_call_jobs FOR EACH ROW
        WHEN (OLD.status <> NEW.status) EXECUTE FUNCTION note_step('status');
    CREATE TRIGGER note_step AFTER UPDATE ON calls FOR EACH ROW
        WHEN (OLD.state <> NEW.state) EXECUTE FUNCTION note_step('state');
"""

UNBLOCK = """UPDATE accounts SET blocked_code = NULL, blocked_since = NULL, retry_at = NULL, refusals = 0,
    ambiguous_in_a_row = 0, next_dial_at = '-infinity' WHERE id = (SELECT id FROM accounts ORDER BY random() LIMIT 1)"""
SOME_CALLS = "SELECT *, id AS call_id FROM calls WHERE duplicate_of IS NULL ORDER BY id DESC LIMIT 40"
SOME_RUN = "SELECT id, business_id FROM outbound_call_runs ORDER BY ended_at IS NOT NULL, random() LIMIT 1"

Action: TypeAlias = Callable[[], Awaitable[object]]


class Hand:
    """One session that does something at random, again and again."""

    def __init__(self, session: Campaigns, businesses: list[int], seed: int) -> None:
        self.session = session
        self.businesses = businesses
        self.chance = random.Random(seed)
        session.phones = seed * 100_000

    async def work(self, rounds: int) -> None:
        often: list[Action] = [self.claim, self.answer, self.call_back, self.call_back_without_waiting]
        rarely: list[Action] = [self.start, self.beat, self.order, self.order, self.settle, self.look, self.correct,
                                self.unblock, self.give_back]  # fmt: skip
        for _ in range(rounds):
            await self.chance.choice(often if self.chance.random() < 0.7 else rarely)()

    async def claim(self) -> None:
        await claim_all(self.session, self.businesses, self.chance.randint(1, 8))

    async def _calls(self) -> list[Row]:
        calls = await self.session.rows(SOME_CALLS)
        return self.chance.sample(calls, min(len(calls), self.chance.randint(1, 6)))

    async def answer(self) -> None:
        items: list[dict[str, object]] = []
        for call in await self._calls():
            klass = self.chance.choice([AnswerClass.ACCEPTED] * 5 + list(AnswerClass))
            sid = (call["call_sid"] or new_sid()) if klass is AnswerClass.ACCEPTED else None
            items.append({"call_id": call["id"], "token": str(call["dial_token"]), "class": klass.value,
                          "call_sid": sid, "code": "21210", "retry_after": 0})  # fmt: skip
        await self.session.rows("SELECT * FROM ringfence_record_dials($1, '5 s', '60 s')", json.dumps(items))

    async def call_back(self, wait: bool = True) -> None:
        items: list[dict[str, object]] = []
        for n, call in enumerate(await self._calls()):
            rank = self.chance.randint(1, 4)
            outcome = self.chance.choice(["answered", "busy", "failed"]) if rank == 4 else None
            items.append({"n": n, "token": str(call["dial_token"]), "call_sid": call["call_sid"] or new_sid(),
                          "event": f"e{rank}", "rank": rank, "outcome": outcome, "sequence": rank, "code": None,
                          "fields": {}})  # fmt: skip
        record = "SELECT * FROM ringfence_record_callbacks($1, '60 s', $2)"
        await self.session.rows(record, json.dumps(items), wait)

    async def call_back_without_waiting(self) -> None:
        await self.call_back(wait=False)

    async def start(self) -> None:
        business = self.chance.choice(self.businesses)
        known = "SELECT id FROM leads WHERE business_id = $1 ORDER BY random() LIMIT 6"
        leads = [row["id"] for row in await self.session.rows(known, business)]
        await self.session.run(business, leads + await self.session.leads(business, 6))

    async def beat(self) -> None:
        await self.session.rows("SELECT * FROM ringfence_beat($1, $2)", WORKER, self.session.epoch)

    async def order(self) -> None:
        for run in await self.session.rows(SOME_RUN):
            order = self.chance.choice([
                "SELECT * FROM ringfence_cancel_run($1, $2)",
                "SELECT * FROM ringfence_stop_run($1, $2)",
                "SELECT * FROM ringfence_force_cancel_run($1, $2, true)",
            ])  # fmt: skip
            await self.session.rows(order, run["business_id"], run["id"])

    async def settle(self) -> None:
        settle = """SELECT * FROM ringfence_settle($1, $2, $3, $4, 4, $5, clock_timestamp() + $6, '5 s', '60 s')"""
        for call in await self._calls():
            finding = self.chance.choice(["absent", "absent", "guess", "status", "hand", "expired"])
            sid = (call["call_sid"] or new_sid()) if finding in ("guess", "status") else None
            outcome = "no_answer" if sid else None
            later = timedelta(hours=self.chance.randint(1, 5))
            await self.session.rows(settle, call["id"], call["dial_token"], finding, sid, outcome, later)

    async def look(self) -> None:
        await self.session.rows("UPDATE calls SET next_check_at = now() WHERE id = (SELECT max(id) FROM calls)")
        await self.session.rows("SELECT * FROM ringfence_mark_uncertain(20)")
        await self.session.rows("SELECT * FROM ringfence_take_checks(20)")
        await self.session.rows("SELECT * FROM ringfence_take_hangups(20)")
        for call in await self._calls():
            await self.session.rows("SELECT ringfence_note_hangup($1, $2, true)", call["id"], call["dial_token"])

    async def correct(self) -> None:
        await self.session.rows("UPDATE businesses SET reconciled_at = NULL WHERE id = $1", self.businesses[0])
        for statement in (
            "SELECT * FROM ringfence_nudge('0.01 s')",
            "SELECT * FROM ringfence_correct_stale(NULL, '0.01 s', '0.2 s')",
            "SELECT * FROM ringfence_close_leftovers(50)",
        ):
            await self.session.rows(statement)
        await self.session.rows("SELECT * FROM ringfence_reconcile_runs($1)", self.businesses[0])

    async def unblock(self) -> None:
        await self.session.connection.execute(UNBLOCK)

    async def give_back(self) -> None:
        in_hand = [call["id"] for call in await self.session.rows("SELECT id FROM calls ORDER BY random() LIMIT 20")]
        await self.session.rows("SELECT ringfence_disown($1, $2)", self.session.epoch, in_hand)


async def test_all_statements_at_once_never_deadlock_and_take_legal_steps_only(
    campaigns: Campaigns, crew: Crew
) -> None:
    """Locks taken in two orders end in a deadlock, and one of the two has then lost its callback or its answer.

    Any error of the database fails the test, a deadlock (40P01) among them.
    """
    await campaigns.connection.execute(RECORD_STEPS)
    own = await campaigns.account()
    businesses = [await campaigns.business(cap=4), await campaigns.business(cap=6),
                  await campaigns.business(cap=3, account=own, sealed=b"sealed")]  # fmt: skip
    for business in businesses:
        await campaigns.run(business, 20)
    hands = [Hand(session, businesses, seed) for seed, session in enumerate(await crew(6), start=1)]
    await asyncio.gather(*(hand.work(300) for hand in hands))
    await campaigns.rows("SELECT * FROM ringfence_close_leftovers(1000)")
    assert await broken_invariants(campaigns) == []
    taken = {tuple(row) for row in await campaigns.rows("SELECT DISTINCT kind, was, is_now FROM steps")}
    assert len(taken) > 15
    assert taken <= _legal_steps()


def _legal_steps() -> set[tuple[str, str, str]]:
    runs = {("outbound_call_runs", was.value, now.value) for was in RunStatus for now in RUN_STEPS[was]}
    jobs = {("outbound_call_jobs", was.value, now.value) for was in JobStatus for now in JOB_STEPS[was]}
    return runs | jobs | {("calls", was.value, now.value) for was in CallState for now in CALL_STEPS[was]}
