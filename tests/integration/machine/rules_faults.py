"""A provider and a network that misbehave. Whoever may be rung twice by it is marked, and nobody else may be."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from tests.integration.machine.base import SOME, InHand
from tests.integration.machine.provider import Callback, RealCall
from tests.integration.machine.rules_callbacks import ENDS, CallbackRules

FAULTS = ("second call", "false end", "false end", "another's sid", "foreign call", "late request", "late request")


class FaultRules(CallbackRules):
    @precondition(lambda self: self.provider.calls or self.lost_requests)
    @rule(fault=st.sampled_from(FAULTS), which=SOME, other=SOME, outcome=st.sampled_from(ENDS), at=st.integers(1, 5))
    def misbehave(self, fault: str, which: int, other: int, outcome: str, at: int) -> None:
        """One fault, where there is something that it can befall."""
        if fault == "late request" or not self.provider.calls:
            self.carry_out_late(which)
        elif fault == "second call":
            self.make_a_second_call(which)
        elif fault == "false end":
            self.lie_about_an_end(which, outcome, at)
        elif fault == "another's sid":
            self.name_another_sid(which, other)
        else:
            self.ring_for_somebody_else(which)

    def carry_out_late(self, which: int) -> None:
        """A fault: the network delivers a create long after it was given up."""
        if not self.lost_requests:
            return
        row = self.pick(self.lost_requests, which)
        self.lost_requests.remove(row)
        row.job.lead.tainted = True
        self.late_answers.append(InHand(row, sent=True, real=self.provider.carry_out(row, self.model.tick())))

    def ours(self) -> list[RealCall]:
        return [call for call in self.provider.calls if call.row is not None]

    def make_a_second_call(self, which: int) -> None:
        """A fault: the provider carries one create out twice."""
        row = self.pick(self.ours(), which).row if self.ours() else None
        if row is not None:
            row.job.lead.tainted = True
            self.provider.carry_out(row, self.model.tick())

    def lie_about_an_end(self, which: int, outcome: str, sequence: int) -> None:
        """A fault: a terminal callback for a call that goes on, or one that contradicts another."""
        call = self.pick(self.provider.calls, which)
        if call.row is not None:
            call.row.job.lead.tainted = call.said_over = True
            self.hear([Callback(call.row, call.sid, "completed", 4, outcome, sequence)])

    def name_another_sid(self, which: int, other: int) -> None:
        """A fault: a callback with one call's token and another's sid."""
        call, stranger = self.pick(self.ours(), which), self.pick(self.ours(), other)
        if call.row is None or stranger.row is None or call.row is stranger.row:
            return
        call.row.job.lead.tainted = stranger.row.job.lead.tainted = True
        self.hear([Callback(call.row, stranger.sid, "ringing", 2, None, 1)])

    def ring_for_somebody_else(self, which: int) -> None:
        """A fault: a call on the account that is not ours, to one of our people."""
        lead = self.pick(self.model.leads, which)
        for same in self.model.leads:
            same.tainted = same.tainted or same.phone == lead.phone
        self.provider.ring_for_somebody_else(lead.phone, self.model.tick())
