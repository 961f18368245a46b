"""Several ordinary things in a row. A single step seldom leads far: what is rare needs a call, a silence and a look."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.integration.machine.base import SOME
from tests.integration.machine.rules_callbacks import ENDS
from tests.integration.machine.rules_dialing import FATES, DialingRules
from tests.integration.machine.rules_faults import FaultRules
from tests.integration.machine.rules_orders import OrderRules
from tests.integration.machine.rules_settling import SettlingRules
from tests.integration.machine.rules_sweeps import SweepRules

ACTS = ("work", "go on", "go on", "end", "call back", "call back", "again", "look", "look", "look later",
        "apply", "hang up", "wait", "overdue", "late answer", "false end", "late request",
        "foreign call", "new run")  # fmt: skip


class Stories(DialingRules, FaultRules, OrderRules, SettlingRules, SweepRules):
    @rule(acts=st.lists(st.tuples(st.sampled_from(ACTS), SOME), min_size=2, max_size=6))
    def story(self, acts: list[tuple[str, int]]) -> None:
        """Each act is checked like a step of its own."""
        for act, which in acts:
            self.act(act, which)
            self.database_and_model_agree()

    def act(self, act: str, which: int) -> None:
        """One act, where there is something for it to act on."""
        going_on, waiting = self.provider.live(), self.provider.waiting
        if act == "work":
            self.work([FATES[(which + at) % 4] for at in range(1 + which % 3)])
        elif act in ("go on", "end") and going_on:
            self.go_on(which, 3 if act == "end" else 1, ENDS[which % len(ENDS)], heard=act != "end")
        elif act == "call back" and waiting:
            self.call_back(which, 1 + which % 2)
        elif act == "again" and self.provider.delivered:
            self.call_back_again(which)
        elif act in ("look", "look later") and self.watched():
            self.look(which, lag=which % 7 == 0, at_once=act == "look")
        elif act in ("wait", "overdue", "hang up", "apply", "late answer"):
            self._in_time(act, which)
        elif act in ("false end", "late request", "foreign call"):
            self.misbehave(act, which, which, ENDS[which % len(ENDS)], 1 + which % 5)
        elif act == "new run" and len(self.model.runs) < 6:
            self.start_run(which, which % 5, 3, never=which % 4 == 0)

    def _in_time(self, act: str, which: int) -> None:
        if act == "wait":
            self.pass_time(1 + which % 3)
        elif act == "overdue":
            self.find_overdue("uncertain")
        elif act == "hang up" and any(call.wants_hangup for call in self.model.calls):
            self.hang_up(done=which % 3 > 0)
        elif act == "apply" and self.looks:
            self.apply_look(which)
        elif act == "late answer" and self.late_answers:
            self.answer_late(which)
