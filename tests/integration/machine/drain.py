"""Lets everything come to rest, as the services would: then every run has ended and no slot is held."""

from __future__ import annotations

from tests.integration.machine.base import InHand
from tests.integration.machine.story import Stories

ROUNDS = 60


class CampaignMachine(Stories):
    """Every rule there is."""

    def teardown(self) -> None:
        """Every other example is brought to rest, which takes as long as the example itself."""
        try:
            if self.agreed and self.model.businesses and self.world.examples % 2:
                self.drain()
        finally:
            super().teardown()

    def drain(self) -> None:
        """No lead is forgotten: with a dispatcher, a reaper and a provider that works, everything ends by itself."""
        for _ in range(ROUNDS):
            if self.at_rest():
                break
            self._round()
            self.database_and_model_agree()
        assert self.at_rest(), [run.seen() for run in self.model.runs if not run.over]
        self.world.drained += 1

    def at_rest(self) -> bool:
        open_jobs = any(run.open_jobs() for run in self.model.runs)
        following = any(call.live or call.watched or call.wants_hangup for call in self.model.calls)
        return not open_jobs and not following and all(run.over for run in self.model.runs)

    def _round(self) -> None:
        self._provider_finishes()
        self._dispatchers_finish()
        self.pass_time(2)
        self._reap()
        holder = self.dispatchers[0]
        if not self.holds(holder):
            self.take(holder)
        if self.holds(holder):
            self.beat(0)
            for call in self.claim_for(holder, 5):
                held = InHand(call)
                holder.in_hand.append(held)
                self.send_create(held, arrives=True)
                self.record(holder, held, "accepted")

    def _provider_finishes(self) -> None:
        for real in self.provider.live():
            self.provider.advance(real, 4, "answered")
        if self.provider.waiting:
            self.hear(self.provider.waiting)
            self.provider.waiting.clear()

    def _dispatchers_finish(self) -> None:
        for dispatcher in self.dispatchers:
            for held in list(dispatcher.in_hand):
                if held.sent:
                    self.finish_sent(dispatcher, held, lost=False)
                else:
                    self.record(dispatcher, held, "deadline")

    def _reap(self) -> None:
        self.mark_uncertain()
        while self.looks:
            self.apply_look(0)
        if self.watched():
            for at in range(len(self.watched())):
                if at < len(self.watched()):
                    self.look(at, lag=False, at_once=True)
        if any(call.wants_hangup for call in self.model.calls):
            self.hang_up(done=True)
        self.expire()
        if self.edited():
            self.close_leftovers()
