"""Claims, and what comes of the creates that they allow."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from shared.queries import dispatching
from shared.queries.dispatching import DialResult
from tests.integration.machine import model_answers, model_orders
from tests.integration.machine.base import SOME, Dispatcher, Frame, InHand
from tests.integration.machine.nouns import DIAL_TIMEOUT, GRACE, MAX_CALL, NEVER_SENT, SEND_WITHIN, SETTLE_AFTER, Call
from tests.integration.machine.world import seconds

# What is a moment ago for a fast rate is over by now: a test's speed is not what is tested.
REFILL = """
    WITH account AS (UPDATE accounts SET next_dial_at = '-infinity' WHERE next_dial_at < now() + interval '1 min')
    UPDATE businesses SET next_dial_at = '-infinity' WHERE next_dial_at < now() + interval '1 min'
"""
FATES = ("lost", "lost", "lost", "swallowed", "swallowed", "number_rejected", "run_refused", "throttled",
         "account_full", "account_blocked", "not_sent", "lied")  # fmt: skip
"""`lost` was carried out and its answer never came, `swallowed` was not, and `lied` was refused and rings."""


class DialingRules(Frame):
    @rule(who=st.integers(0, 5), limit=st.integers(1, 5), lost=st.sampled_from([False, False, False, True]))
    def claim(self, who: int, limit: int, lost: bool) -> None:
        """Claim for both businesses; the answer may get lost on the way to the dispatcher."""
        holders = [one for one in self.dispatchers if one.name == self.model.lease.holder]
        dispatcher = self.pick(self.dispatchers if who < 2 or not holders else holders, who)
        calls = self.claim_for(dispatcher, limit)
        if not lost:
            dispatcher.in_hand += [InHand(call) for call in calls]
        elif calls:
            self.saw("claim", "lost")

    def claim_for(self, dispatcher: Dispatcher, limit: int) -> list[Call]:
        self.world.fetch(REFILL)
        brought = self.world.run(
            dispatching.claim(
                self.db,
                [business.id for business in self.model.businesses],
                worker=dispatcher.name,
                epoch=dispatcher.epoch,
                limit=limit,
                send_within=seconds(SEND_WITHIN),
                dial_timeout=seconds(DIAL_TIMEOUT),
                max_call=seconds(MAX_CALL),
                default_from=None,
            )
        )
        lease, words = self.model.lease, {verdict.business_id: verdict.reason for verdict in brought.verdicts}
        self.saw("claim", *words.values())
        if (lease.epoch, lease.holder) != (dispatcher.epoch, dispatcher.name):
            assert set(words.values()) == {"fenced"}
            assert not brought.calls
            return []
        calls: list[Call] = []
        order = lambda one: (one.last_claim is not None, one.last_claim or 0.0, one.id)  # noqa: E731
        for business in sorted(self.model.businesses, key=order):
            self.model.tick()
            mine = [self.claimed(row, dispatcher.epoch) for row in brought.calls if row.business_id == business.id]
            assert words[business.id] == model_orders.claim(
                self.model, business, mine, limit - len(calls), dispatcher.name
            )
            calls += mine
        assert {row.call_id for row in brought.calls} == {call.id for call in calls}
        return calls

    def unsent(self) -> list[tuple[Dispatcher, InHand]]:
        return [(one, held) for one in self.dispatchers for held in one.in_hand if not held.sent]

    def sent(self) -> list[tuple[Dispatcher, InHand]]:
        return [(one, held) for one in self.dispatchers for held in one.in_hand if held.sent]

    @precondition(lambda self: self.holder() is not None)
    @rule(fates=st.lists(st.sampled_from(("accepted", *FATES)), min_size=1, max_size=4))
    def work(self, fates: list[str]) -> None:
        """The holder claims, dials all of it at once, and records what came of each."""
        holder = self.holder()
        if holder is not None:
            fresh = [InHand(call) for call in self.claim_for(holder, len(fates))]
            holder.in_hand += fresh
            for held, fate in zip(fresh, fates, strict=False):
                self.dial_one(holder, held, fate)

    def holder(self) -> Dispatcher | None:
        """Who may dial."""
        lease = self.model.lease
        return next((one for one in self.dispatchers if (one.name, one.epoch) == (lease.holder, lease.epoch)), None)

    @precondition(lambda self: self.unsent())
    @rule(which=SOME, fate=st.sampled_from(("accepted", *FATES)))
    def dial(self, which: int, fate: str) -> None:
        """Send a create, or fail to, and record that."""
        dispatcher, held = self.pick(self.unsent(), which)
        self.dial_one(dispatcher, held, fate)

    def dial_one(self, dispatcher: Dispatcher, held: InHand, fate: str) -> None:
        """Dial while the deadline allows; past it nothing is sent."""
        if self.model.now >= held.call.deadline:
            fate = "deadline"
        if fate not in NEVER_SENT:
            self.send_create(held, arrives=fate in ("accepted", "lost", "lied"), tainted=fate == "lied")
        if fate in ("lost", "swallowed"):
            self.lose_answer(dispatcher, held)
        else:
            self.record(dispatcher, held, "number_rejected" if fate == "lied" else fate)

    @precondition(lambda self: self.unsent())
    @rule(which=SOME, arrives=st.booleans())
    def send(self, which: int, arrives: bool) -> None:
        """Send a create whose answer takes its time: callbacks and orders may come first."""
        _, held = self.pick(self.unsent(), which)
        if self.model.now < held.call.deadline:
            self.send_create(held, arrives=arrives)

    @precondition(lambda self: self.sent())
    @rule(which=SOME, lost=st.booleans())
    def answer(self, which: int, lost: bool) -> None:
        """The answer to a create comes, or is given up."""
        dispatcher, held = self.pick(self.sent(), which)
        self.finish_sent(dispatcher, held, lost=lost)

    def finish_sent(self, dispatcher: Dispatcher, held: InHand, *, lost: bool) -> None:
        if held.real is None or lost:
            self.lose_answer(dispatcher, held)
        else:
            self.record(dispatcher, held, "accepted")

    @precondition(lambda self: self.late_answers)
    @rule(which=SOME)
    def answer_late(self, which: int) -> None:
        """An answer comes that had been given up, from a process that was frozen meanwhile."""
        held = self.pick(self.late_answers, which)
        self.late_answers.remove(held)
        self.record(None, held, "accepted")

    def send_create(self, held: InHand, *, arrives: bool, tainted: bool = False) -> None:
        held.sent = True
        lead = held.call.job.lead
        lead.tainted = lead.tainted or tainted
        self.provider.request(held.call)
        if arrives:
            held.real = self.provider.carry_out(held.call, self.model.tick())

    def lose_answer(self, dispatcher: Dispatcher, held: InHand) -> None:
        if held.real is None:
            self.lost_requests.append(held.call)
        else:
            self.late_answers.append(held)
        self.record(dispatcher, held, "ambiguous")

    def record(self, dispatcher: Dispatcher | None, held: InHand, klass: str) -> None:
        """Record one answer, and hold what the statement says of it against the model."""
        if dispatcher is not None:
            dispatcher.in_hand.remove(held)
        call = held.call
        sid = held.real.sid if klass == "accepted" and held.real else None
        result = DialResult(call.id, call.token, klass, sid, code=klass, message="told", retry_after=300.0)
        recorded = self.world.run(
            dispatching.record_dials(self.db, [result], settle_after=seconds(SETTLE_AFTER), grace=seconds(GRACE))
        )
        expected = model_answers.record_dial(self.model, call, klass, sid)
        assert [(one.result, one.run_ended, one.account_change) for one in recorded] == [expected], klass
        self.saw("dial", *expected)
