"""What the provider says by itself: in any order, repeated, late, and not always true."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from shared.queries import callbacks
from shared.queries.callbacks import Heard
from tests.integration.machine import model_answers
from tests.integration.machine.base import SOME, Frame
from tests.integration.machine.nouns import GRACE
from tests.integration.machine.provider import Callback
from tests.integration.machine.world import seconds

ENDS = ("answered", "machine", "busy", "no_answer", "canceled", "failed")


class CallbackRules(Frame):
    @precondition(lambda self: self.provider.live())
    @rule(which=SOME, steps=st.integers(1, 3), outcome=st.sampled_from(ENDS), heard=st.booleans())
    def go_on(self, which: int, steps: int, outcome: str, heard: bool) -> None:
        """A call rings, is answered or ends; its callback arrives at once, or is under way."""
        call = self.pick(self.provider.live(), which)
        rank = min(4, call.rank + steps)
        self.provider.advance(call, rank, outcome if rank == 4 else None)
        if heard and call.row is not None:
            self.hear([self.provider.waiting.pop()])

    @precondition(lambda self: self.provider.waiting)
    @rule(which=SOME, count=st.integers(1, 3))
    def call_back(self, which: int, count: int) -> None:
        """Some callbacks arrive together, the oldest last or first."""
        waiting = self.provider.waiting
        chosen = [waiting.pop(which % len(waiting)) for _ in range(min(count, len(waiting)))]
        self.hear(chosen)

    @precondition(lambda self: self.provider.delivered)
    @rule(which=SOME)
    def call_back_again(self, which: int) -> None:
        self.hear([self.pick(self.provider.delivered, which)])

    def hear(self, chosen: list[Callback]) -> None:
        """Record callbacks in one statement, and hold what it says against the model."""
        items = [Heard(one.row.token, one.sid, one.event, one.rank, one.outcome, one.sequence) for one in chosen]
        recorded = self.world.run(callbacks.record_callbacks(self.db, items, grace=seconds(GRACE), wait=True))
        for one, answer in zip(chosen, recorded, strict=True):
            was_live = one.row.live
            expected = model_answers.record_callback(self.model, one)
            assert (answer.result, answer.run_ended) == expected, one
            assert answer.released == (was_live and not one.row.live)
            self.saw("callback", answer.result)
            self.provider.delivered.append(one)
