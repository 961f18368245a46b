"""What the checker must accept: everything that the system may honestly do."""

from __future__ import annotations

import time

import pytest

from history.report import judge
from tests.integration.history.scene import Scene
from tests.integration.history.settlings import SETTLINGS


async def test_a_campaign_with_every_kind_of_settling_is_accepted(scene: Scene) -> None:
    """The judge of a long campaign that knows no false alarm: one would hide the true ones."""
    run = await scene.run(len(SETTLINGS))
    for settling in SETTLINGS:
        await settling(scene, await scene.claim())
    assert (await scene.campaigns.run_row(run))["status"] == "completed"
    assert await scene.violations() == {}
    assert [one.rule.letter for one in judge(await scene.history()) if one.findings.checked < 4] == []


@pytest.mark.parametrize("kind", ["cancel", "stop", "force_cancel"])
async def test_a_run_that_somebody_ended_is_accepted_with_its_calls_ending_afterwards(scene: Scene, kind: str) -> None:
    run = await scene.run(5)
    call = await scene.claim()
    sid = scene.ledger.placed(call)
    await scene.campaigns.dialled(call, "accepted", sid)
    more = ", false" if kind == "force_cancel" else ""
    await scene.sql(f"SELECT * FROM ringfence_{kind}_run($1, $2{more})", scene.business, run)
    scene.actions.append({"kind": kind, "run_id": run, "answered_at": time.time()})
    await scene.ends(call, sid)
    assert (await scene.campaigns.run_row(run))["status"] in ("cancelled", "stopped")
    assert await scene.violations() == {}


async def test_calls_under_way_are_accepted(scene: Scene) -> None:
    await scene.run(4)
    scene.ledger.placed(await scene.claim())
    call = await scene.claim()
    await scene.campaigns.dialled(call, "accepted", scene.ledger.placed(call))
    await scene.claim()
    assert await scene.violations() == {}


async def test_a_run_that_never_redials_is_accepted_with_a_lead_in_doubt(scene: Scene) -> None:
    await scene.run(1, on_uncertain="never")
    call = await scene.claim()
    scene.ledger.request(call, mode="reset_before_accept", status=None)
    assert await scene.denied_twice(call) == "absent"
    assert (await scene.campaigns.job(call))["outcome"] == "uncertain"
    assert await scene.violations() == {}


async def test_the_same_lead_in_two_businesses_may_be_rung_at_once(scene: Scene) -> None:
    other = await scene.campaigns.business()
    await scene.run(1)
    first = await scene.claim()
    await scene.sql("INSERT INTO leads (business_id, phone) VALUES ($1, $2)", other, first["to_number"])
    lead = (await scene.campaigns.rows("SELECT id FROM leads WHERE business_id = $1", other))[0]["id"]
    sid = scene.ledger.placed(first)
    await scene.campaigns.dialled(first, "accepted", sid)
    await scene.campaigns.run(other, [lead])
    (second,) = await scene.campaigns.claim(other)
    await scene.rings(second)
    await scene.ends(first, sid)
    assert await scene.violations() == {}
