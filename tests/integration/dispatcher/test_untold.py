"""Without a broker nobody tells the dispatcher anything: it looks more often by itself."""

from __future__ import annotations

from stack.ports import free_port
from tests.integration.dispatcher.conftest import MakeRig
from tests.integration.dispatcher.rig import BY_HINT


async def test_without_a_broker_new_runs_are_found_long_before_the_beat(make_rig: MakeRig) -> None:
    """The beat is far away: whoever waited for it would see none of these dialled."""
    rig = await make_rig(
        {**BY_HINT, "AMQP_URL": f"amqp://guest:guest@127.0.0.1:{free_port()}/"}, services=["simulator"]
    )
    await rig.stack.start("dispatcher", until="/healthz")
    business = await rig.business()
    for _ in range(2):  # the first may be seen by the look at takeover, the second not
        run = await rig.run(business, 3)
        await rig.in_progress(run, 3)
