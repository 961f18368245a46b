"""A dispatcher that holds several partitions dies right after a write for one of them; a campaign goes on over it."""

from __future__ import annotations

import json
import signal

import pytest

from shared.crashpoints import VARIABLE
from tests.acceptance.waiting import eventually
from tests.integration.dispatcher.fleet import PAIR, PATIENCE, Fleet


@pytest.mark.parametrize(
    ("point", "nth", "told_to_end"),
    [
        ("dispatcher.claim.committed", 2, None),
        ("dispatcher.lease.taken", 3, "dispatcher"),
        ("dispatcher.handover.committed", 1, "dispatcher2"),
    ],
)
async def test_what_was_begun_for_one_partition_is_taken_for_no_other_ones(
    fleet: Fleet, point: str, nth: int, told_to_end: str | None
) -> None:
    """A claim without its creates, a third lease beside two, one of two leases handed on."""
    await fleet.open(4)
    await fleet.start("dispatcher")
    fleet.more = {VARIABLE: json.dumps({"at": {point: {"do": "kill", "nth": nth}}})}
    await fleet.start("dispatcher2")
    fleet.more = {}
    await fleet.holds("dispatcher2", 1, 3)
    campaigns = await fleet.campaigns(8, 6)
    await fleet.dialled(0.2)
    if told_to_end is not None:
        await fleet.stack.kill(told_to_end, signal.SIGTERM)

    async def dead() -> bool:
        return not fleet.stack.running("dispatcher2")

    await eventually(dead, f"the death at {point}", timeout=PATIENCE)
    assert fleet.stack.service("dispatcher2").child.returncode == -signal.SIGKILL
    await fleet.start(*(name for name in PAIR if not fleet.stack.running(name)))
    await fleet.holds("dispatcher", 0, 2)
    await fleet.holds("dispatcher2", 1, 3)
    await fleet.over(campaigns)
