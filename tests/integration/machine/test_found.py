"""Orders of events that the machine once met, or that it meets too seldom to be left to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from tests.integration.machine.drain import CampaignMachine
from tests.integration.machine.world import World


def test_a_late_answer_after_a_wrong_guess_is_hung_up(database_url: str) -> None:
    """Somebody else's call to the same number ended ours by a guess; ours rings later, and nobody waits for it."""
    world = World(database_url)
    machine = CampaignMachine(world)
    try:
        machine.set_up((1, 1), own=False)
        machine.claim(5, 1, lost=False)
        call = machine.unsent()[0][1].call
        machine.dial(0, "swallowed")
        machine.ring_for_somebody_else(machine.model.leads.index(call.job.lead))
        machine.provider.advance(machine.provider.calls[0], 4, "busy")
        machine.look(0, lag=False, at_once=True)
        assert (call.how, call.guess) == ("list", True)
        machine.carry_out_late(0)
        machine.answer_late(0)
        machine.database_and_model_agree()
        assert call.wants_hangup
        machine.hang_up(done=True)
        machine.database_and_model_agree()
        machine.drain()
    finally:
        machine.teardown()
        world.close()


def test_whatever_the_machine_is_for_happens_in_one_campaign(database_url: str) -> None:
    """A machine that never reaches a statement says nothing about it; chance alone reaches some of these seldom."""
    world = World(database_url)
    machine = CampaignMachine(world)
    try:
        machine.set_up((4, 4), own=False)
        for act in tour(machine):
            act()
            machine.database_and_model_agree()
        assert world.reached.keys() >= EVERYTHING, EVERYTHING - world.reached.keys()
        machine.drain()
    finally:
        machine.teardown()
        world.close()


EVERYTHING = {
    "cap raised", "cap lowered", "claim slots", "dial accepted", "dial rejected", "dial uncertain", "callback recorded",
    "callback repeat", "look guessed", "look list", "look fetch", "look absent", "absent job queued", "lease taken",
    "cancel done", "stop done", "force_cancel done", "reconcile ended", "stale stopped", "sweep nudged",
}  # fmt: skip


def tour(machine: CampaignMachine) -> Iterator[Callable[[], object]]:
    """Every kind of step once, in an order in which each meets what it needs."""

    def look_at_all() -> None:
        for at in range(len(machine.watched())):
            machine.look(at, lag=False, at_once=True)

    def end_unheard(which: int) -> None:
        machine.provider.advance(machine.pick(machine.provider.live(), which), 4, "busy")
        machine.provider.waiting.clear()

    yield lambda: machine.work(["accepted", "lost", "swallowed", "number_rejected"])
    yield lambda: machine.change_cap(0, 5)
    yield lambda: machine.change_cap(0, 1)
    yield look_at_all
    yield lambda: end_unheard(0)
    yield look_at_all
    yield lambda: end_unheard(0)
    yield look_at_all
    yield lambda: machine.pass_time(5)
    yield look_at_all
    yield lambda: machine.pass_time(2)
    yield look_at_all
    yield lambda: machine.give_up_lease(0)
    yield lambda: machine.take_lease(0)
    yield lambda: machine.change_cap(0, 4)
    yield lambda: machine.work(["accepted", "accepted"])
    yield lambda: machine.go_on(0, 3, "answered", heard=True)
    yield lambda: machine.call_back_again(0)
    yield lambda: machine.beat(0)
    yield lambda: machine.sweep("neglect", 0)
    for order in (machine.cancel, machine.stop):
        yield lambda: machine.start_run(0, 0, 2, never=False)
        yield partial(order, 0)
    yield lambda: machine.start_run(1, 0, 2, never=False)
    yield lambda: machine.force_cancel(0, hangup=True)
    yield lambda: machine.start_run(0, 3, 2, never=False)
    yield lambda: machine.edit_by_hand(0, "jobs")
    yield lambda: machine.reconcile(0)
    yield lambda: machine.reconcile(1)
