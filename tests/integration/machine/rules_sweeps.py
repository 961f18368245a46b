"""The lease, beats, nudges and corrections, and time itself."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import rule

from shared.queries import corrections, dispatching, runs, sweeps
from tests.integration.machine import model_orders
from tests.integration.machine.base import SOME, Dispatcher, Frame
from tests.integration.machine.nouns import NUDGE_AFTER, STALE_AFTER, Run
from tests.integration.machine.world import span


class SweepRules(Frame):
    @rule(units=st.sampled_from([1, 1, 1, 2, 2, 5, 5, 25]))
    def wait(self, units: int) -> None:
        self.pass_time(units)

    @rule(kind=st.sampled_from(["take", "take", "renew", "give up", "die", "beat", "beat", "disown"]), who=SOME)
    def lead(self, kind: str, who: int) -> None:
        """One of two dispatchers does something about the lease, or by it."""
        {
            "take": self.take_lease,
            "renew": self.renew_lease,
            "give up": self.give_up_lease,
            "die": self.die,
            "beat": self.beat,
            "disown": self.disown,
        }[kind](who)

    @rule(kind=st.sampled_from(["nudge", "stale", "neglect", "leftovers", "reconcile"]), whose=SOME)
    def sweep(self, kind: str, whose: int) -> None:
        """Something that is done now and then, whatever happened."""
        if kind == "nudge":
            self.nudge()
        elif kind == "stale":
            self.correct_stale()
        elif kind == "neglect":
            self.pass_time(1)
            self.nudge()
            self.pass_time(2)
            self.correct_stale()
        elif kind == "leftovers":
            self.close_leftovers()
        else:
            self.reconcile(whose)

    def take_lease(self, who: int) -> None:
        """The lease is there for whoever finds it free, its holder's connection gone, or its holder silent."""
        self.take(self.pick(self.dispatchers, who))

    def holds(self, dispatcher: Dispatcher) -> bool:
        return (self.model.lease.epoch, self.model.lease.holder) == (dispatcher.epoch, dispatcher.name)

    def renew_lease(self, who: int) -> None:
        dispatcher = self.pick(self.dispatchers, who)
        trusted = self.world.run(dispatching.renew_lease(dispatcher.session, dispatcher.name, dispatcher.epoch))
        assert trusted == (True if self.holds(dispatcher) else None)
        if self.holds(dispatcher):
            self.model.lease.renewed, self.model.lease.connected = self.model.tick(), True

    def give_up_lease(self, who: int) -> None:
        """A dispatcher ends: what it has in hand it finishes, and a lease of its own it leaves."""
        dispatcher = self.pick(self.dispatchers, who)
        self.world.run(dispatching.give_up_lease(dispatcher.session, dispatcher.name, dispatcher.epoch))
        if self.holds(dispatcher):
            self.model.lease.holder = None

    def die(self, who: int) -> None:
        """A dispatcher is killed: its memory and its connection are gone."""
        dispatcher = self.pick(self.dispatchers, who)
        for held in dispatcher.in_hand:
            if held.sent and held.real is None:
                self.lost_requests.append(held.call)
        dispatcher.in_hand.clear()
        if self.holds(dispatcher):
            backend = self.world.value("SELECT backend_pid FROM dispatcher_lease WHERE partition = 0")
            dispatcher.session.drop()
            self.world.wait_until_gone(backend)
            self.model.lease.connected = False
        dispatcher.epoch = 0

    def beat(self, who: int) -> None:
        """A beat is also the look at who has a slot and a job for it; without the lease it does nothing."""
        dispatcher = self.pick(self.dispatchers, who)
        found = self.world.run(dispatching.beat(self.db, dispatcher.name, dispatcher.epoch))
        held = self.holds(dispatcher)
        adopted, hungry = model_orders.beat(self.model, dispatcher.name) if held else (set(), set())
        assert (found.held, set(found.adopted), set(found.hungry)) == (held, adopted, hungry)
        self.saw("beat", "held" if held else "fenced", "adopted" if adopted else None)

    def disown(self, who: int) -> None:
        """Hand back the claims that never arrived: of one's own epoch, and none that may have been sent."""
        dispatcher = self.pick(self.dispatchers, who)
        in_hand = {held.call.id for held in dispatcher.in_hand}
        given = self.world.run(dispatching.disown(self.db, dispatcher.epoch, in_hand))
        self.model.tick()
        lost = [call for call in self.model.calls if call.live and call.epoch == dispatcher.epoch and call.sid is None
                and (call.state == "dialing" or (call.state == "uncertain" and call.unsure_why is None))
                and call.id not in in_hand]  # fmt: skip
        assert given == len(lost)
        for call in sorted(lost, key=lambda call: call.id):
            assert call.token not in self.provider.requests, "a call handed back whose create was sent"
            self.model.return_job(call, sent=False, how="deadline")
            self.model.finish_run(call.job.run)
            self.saw("disown", "returned")

    def nudge(self) -> None:
        found = self.world.run(sweeps.nudge(self.db, span(NUDGE_AFTER)))
        assert {run.run_id for run in found} == model_orders.nudge(self.model)
        self.saw("sweep", "nudged" if found else None)

    def correct_stale(self) -> None:
        found = self.world.run(
            corrections.correct(self.db, None, nudge_after=span(NUDGE_AFTER), stale_after=span(STALE_AFTER))
        )
        corrected = {run.run_id: (run.status, run.jobs_failed) for run in found}
        assert corrected == model_orders.correct_stale(self.model)
        self.saw("stale", *(run.status for run in found))

    def close_leftovers(self) -> None:
        found = self.world.run(sweeps.close_leftovers(self.db, 100))
        mended = {run.run_id: (run.status, run.jobs_closed) for run in found}
        assert mended == model_orders.close_leftovers(self.model)
        self.saw("leftovers", "mended" if found else None)

    def reconcile(self, whose: int) -> None:
        """Once a minute for each business."""
        business = self.pick(self.model.businesses, whose)
        found = self.world.run(runs.reconcile_runs(self.db, business.id))
        expected = model_orders.reconcile(self.model, business)
        if isinstance(found, float):
            assert expected is None
            assert 0 < found <= 60
            self.saw("reconcile", "limited")
            return
        assert {run.run_id: (run.old_status, run.new_status, run.completed_jobs) for run in found} == expected
        self.saw("reconcile", "ended" if found else "nothing")

    def edited(self) -> list[Run]:
        return [run for run in self.model.runs if run.edited]
