"""A short run of the chaos suite: whatever dies, freezes or gets lost in it, nobody is rung twice or forgotten."""

from __future__ import annotations

from chaos.plan import Plan
from chaos.report import text
from chaos.run import play

PLAN = Plan(seed=47, seconds=25)
REST_SECONDS = 600.0
"""How long all may take to come to rest: on a slow machine, long."""


async def test_a_short_run_of_random_faults_breaks_no_promise() -> None:
    """What goes wrong here goes wrong for leads; the message says where the evidence is."""
    outcome = await play(PLAN, rest_seconds=REST_SECONDS)
    verdict = outcome.verdict
    assert verdict.clean, f"{text(PLAN, verdict)}\nevidence: {outcome.evidence}"
    assert verdict.figures()["calls"] > 0, "nothing was dialled, so that nothing was proved"
    struck = {"kill", "rabbitmq_killed", "link_cut"} & set(verdict.counts)
    assert len(struck) == 3, f"hardly any fault struck: {dict(verdict.counts)}"
