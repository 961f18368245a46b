"""Looks at the provider, what they found, and hang-ups."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from shared.queries import checks, runs
from shared.queries.checks import Check
from shared.queries.sids import known_sids
from tests.integration.machine import model_answers
from tests.integration.machine.base import SOME, WAITS, Frame, Look
from tests.integration.machine.nouns import Call
from tests.integration.machine.world import span

PATIENCE = timedelta(seconds=30)
NO_GRACE = timedelta(0)


class SettlingRules(Frame):
    @rule(what=st.sampled_from(["uncertain", "uncertain", "expired"]))
    def find_overdue(self, what: str) -> None:
        """The reaper's look for what time alone changes."""
        if what == "expired":
            self.expire()
        else:
            self.mark_uncertain()

    def mark_uncertain(self) -> None:
        """What should have been answered by now was not."""
        found = self.world.run(checks.mark_uncertain(self.db, 100))
        now = self.model.tick()
        overdue = [call for call in self.model.calls if call.state == "dialing" and call.answer_due <= now]
        assert {one.call_id for one in found} == {call.id for call in overdue}
        for call in overdue:
            call.state = "uncertain"
            self.saw("sweep", "uncertain")

    def watched(self) -> list[Call]:
        return [call for call in self.model.calls
                if call.watched and call.state != "dialing" and call.expires > self.model.now]  # fmt: skip

    @precondition(lambda self: self.watched())
    @rule(which=SOME, lag=st.sampled_from([False] * 5 + [True]), at_once=st.sampled_from([True, True, False]))
    def look(self, which: int, lag: bool, at_once: bool) -> None:
        """Look a call up; what was found is applied now or later. A fault: the listing lags."""
        call = self.pick(self.watched(), which)
        self.world.fetch("UPDATE calls SET next_check_at = clock_timestamp() WHERE id = $1", call.id)
        taken = self.world.run(
            checks.take_checks(self.db, limit=9, per_account=9, busy=[], patience=PATIENCE, grace=NO_GRACE)
        )
        assert call.id in {check.call_id for check in taken}
        for check in taken:
            look = self.ask(check, lag=lag)
            if at_once:
                self.apply(look)
            else:
                self.looks.append(look)

    def ask(self, check: Check, *, lag: bool) -> Look:
        """What the provider says now."""
        call = self.model.call(check.call_id)
        assert call in self.watched(), "a look at a call that needs none"
        assert (check.kind, check.call_sid) == ("list" if call.sid is None else "fetch", call.sid)
        moment = self.model.tick()
        if check.kind == "fetch":
            real = self.provider.find(call.sid)
            assert real is not None
            return Look(check, call, "status", real.sid, real.rank, real.outcome, moment, self.model.units)
        shown = self.provider.listed(call)
        ours = self.world.run(known_sids(self.db, [real.sid for real in shown], but=call.id))
        candidates = [real for real in shown if real.sid not in ours]
        if lag and candidates:
            call.job.lead.tainted = True
            candidates = []
        if len(candidates) == 1:
            only = candidates[0]
            return Look(check, call, "guess", only.sid, only.rank, only.outcome, moment, self.model.units)
        finding = "several" if candidates else "absent"
        return Look(check, call, finding, None, None, None, moment, self.model.units)

    @precondition(lambda self: self.looks)
    @rule(which=SOME)
    def apply_look(self, which: int) -> None:
        """A look's finding is applied when much may have happened since."""
        self.apply(self.looks.pop(which % len(self.looks)))

    def apply(self, look: Look) -> None:
        check = look.check
        settled = self.world.run(
            checks.settle(
                self.db,
                check.call_id,
                check.dial_token,
                look.finding,
                waits=WAITS,
                call_sid=look.sid,
                rank=look.rank,
                outcome=look.outcome,
                looked_at=check.looked_at - span(self.model.units - look.units),
            )
        )
        expected = model_answers.settle(
            self.model, look.call, look.finding, look.sid, look.rank, look.outcome, look.moment
        )
        assert settled is not None
        assert (settled.result, settled.run_ended, settled.job_status) == expected, look
        self.saw("look", look.finding, settled.result)
        if settled.result == "absent":
            self.saw("absent job", settled.job_status)

    def expire(self) -> None:
        """Past its longest life a slot is free, whatever the provider says."""
        for found in self.world.run(checks.find_expired(self.db, 100)):
            call = self.model.call(found.call_id)
            assert call.expires <= self.model.now
            assert call.watched
            self.give_up_following(call)
            settled = self.world.run(checks.settle(self.db, call.id, call.token, "expired", waits=WAITS))
            expected = model_answers.settle(self.model, call, "expired", None, None, None, 0.0)
            assert settled is not None
            assert (settled.result, settled.run_ended, settled.job_status) == expected
            self.saw("expired", settled.result or "surfaced call")

    @precondition(lambda self: any(call.state == "uncertain" for call in self.model.calls))
    @rule(which=SOME)
    def abandon(self, which: int) -> None:
        """An operator gives a call up, which only an uncertain one allows."""
        call = self.pick([call for call in self.model.calls if call.live], which)
        answer = self.world.run(runs.abandon_call(self.db, call.job.run.business.id, call.id))
        result, ended, _ = model_answers.settle(self.model, call, "hand", None, None, None, 0.0)
        assert (answer.verdict, answer.state) == ("done" if result else "refused", call.state)
        assert answer.run_ended == ended
        self.saw("hand", answer.verdict)
        if result:
            self.give_up_following(call)

    def give_up_following(self, call: Call) -> None:
        """From here on the provider may hold a call that nobody waits for."""
        if any(real.live for real in self.provider.made_for(call)):
            call.job.lead.tainted = True

    @precondition(lambda self: any(call.wants_hangup for call in self.model.calls))
    @rule(done=st.booleans())
    def hang_up(self, done: bool) -> None:
        """Carry due hang-ups out, or fail to. Past its longest life a call needs none."""
        self.world.fetch("UPDATE calls SET hangup_at = clock_timestamp() WHERE hangup_at IS NOT NULL")
        taken = self.world.run(checks.take_hangups(self.db, limit=99, per_account=99, busy=[], patience=PATIENCE))
        due = [call for call in self.model.calls if call.wants_hangup and call.sid is not None and not call.guess]
        for call in due:
            call.wants_hangup = call.expires > self.model.now
        assert {one.call_sid for one in taken} == {call.sid for call in due if call.wants_hangup}
        for hangup in taken:
            call = self.model.call(hangup.call_id)
            real = self.provider.find(hangup.call_sid)
            if done and real is not None and real.live:
                self.provider.advance(real, 4, "answered" if real.rank == 3 else "canceled")
            self.world.run(checks.note_hangup(self.db, hangup, done=done))
            call.hung_up, call.wants_hangup = call.hung_up or done, not done
            self.saw("hangup", "done" if done else "failed")
