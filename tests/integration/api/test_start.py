"""Starting runs: what is accepted, what is refused and how, and that a repeat is a repeat."""

from __future__ import annotations

from tests.integration.api.rig import Rig, World


async def test_a_run_is_made_of_the_leads_in_their_order(rig: Rig, world: World) -> None:
    business = await world.business()
    leads = await world.leads(business, 3)
    asker = rig.asker(business)
    run_id = await asker.start([leads[2], leads[0], leads[1]], name="Spring")
    run = await asker.run(run_id)
    print(run)
    jobs = (await asker.get(f"/api/outbound/runs/{run_id}/jobs")).json()
    print(jobs)
    print((await asker.get("/api/outbound/runs")).json())
    print((await asker.get("/api/outbound_calls/jobs/active")).json())
    print((await asker.post(f"/api/outbound_calls/jobs/{run_id}/cancel")).text)
    print((await asker.get("/openapi.json")).text[:1500])
