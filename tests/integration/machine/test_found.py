"""Orders of events that the machine once met, or that it meets too seldom to be left to it."""

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
