"""What is said of runs: progress that adds up, why nothing is dialled, pages, and the active run."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from structlog.testing import capture_logs

from shared import corrections
from shared.auth import Role
from shared.events import RunStale
from tests.integration.api.rig import Rig, World

RUN_FIELDS = {
    "run_id",
    "name",
    "status",
    "total_leads",
    "queued",
    "in_progress",
    "completed",
    "failed",
    "cancelled",
    "cursor_position",
    "can_cancel",
    "cancel_requested",
    "stale",
    "blocked",
    "waiting_for",
    "created_at",
    "started_at",
    "ended_at",
    "last_heartbeat_at",
    "locked_by_worker",
    "created_by_user_id",
    "end_reason",
}


def adds_up(run: dict[str, Any]) -> bool:
    parts = ("queued", "in_progress", "completed", "failed", "cancelled")
    return bool(sum(run[part] for part in parts) == run["total_leads"])


async def test_a_run_shows_every_field_and_its_counts_add_up(rig: Rig, world: World) -> None:
    business = await world.business(cap=2)
    asker = rig.asker(business, Role.VIEWER)
    run_id = await rig.asker(business).start(await world.leads(business, 5))
    await world.claim(business)
    run = await asker.run(run_id)
    assert run.keys() >= RUN_FIELDS
    assert adds_up(run)
    assert (run["status"], run["queued"], run["in_progress"]) == ("running", 3, 2)
    assert run["locked_by_worker"] == "test:1"
    times = [run["created_at"], run["started_at"], run["last_heartbeat_at"]]
    assert all(datetime.fromisoformat(moment).utcoffset() is not None for moment in times)


async def test_a_run_says_what_it_waits_for(rig: Rig, world: World) -> None:
    business = await world.business(cap=1)
    asker = rig.asker(business)
    run_id = await asker.start(await world.leads(business, 4))

    async def waiting_for() -> Any:
        return (await asker.run(run_id))["waiting_for"]

    assert await waiting_for() == "dispatcher"
    await world.dispatcher()
    assert await waiting_for() is None
    await world.do("UPDATE businesses SET next_dial_at = now() + interval '1 h'")
    assert await waiting_for() == "rate"
    await world.do("UPDATE businesses SET next_dial_at = '-infinity'")
    (call,) = await world.claim(business)
    assert await waiting_for() == "slots"
    await world.do("UPDATE calls SET state = 'uncertain' WHERE id = $1", call["call_id"])
    assert await waiting_for() == "uncertain"
    await world.do("UPDATE accounts SET blocked_code = '20003', blocked_since = now(), retry_at = now()")
    assert await waiting_for() == "provider"
    blocked = (await asker.run(run_id))["blocked"]
    assert blocked["code"] == "20003"
    assert blocked.keys() == {"code", "since", "retry_at"}
    await world.do("UPDATE dispatcher_lease SET renewed_at = renewed_at - interval '1 min'")
    assert await waiting_for() == "dispatcher"
    await asker.post(f"/api/outbound_calls/jobs/{run_id}/force-cancel")
    run = await asker.run(run_id)
    assert (run["waiting_for"], run["blocked"]) == (None, None)


async def test_a_run_whose_every_number_has_an_unsure_call_waits_for_it(rig: Rig, world: World) -> None:
    """Two leads of two businesses with one number share the shared account."""
    business, other = await world.business(), await world.business()
    await world.dispatcher()
    (lead,), (same,) = await world.leads(business, 1), await world.leads(other, 1)
    await world.do("UPDATE leads SET phone = (SELECT phone FROM leads WHERE id = $1) WHERE id = $2", lead, same)
    await rig.asker(business).start([lead])
    run_id = await rig.asker(other).start([same])
    assert len(await world.claim(business)) == 1
    platform = await rig.asker(None, Role.PLATFORM_ADMIN).run(run_id)
    assert platform["waiting_for"] == "uncertain"


async def test_runs_are_listed_newest_first_in_pages(rig: Rig, world: World) -> None:
    business = await world.business()
    asker = rig.asker(business)
    made = [await asker.start(await world.leads(business, 1)) for _ in range(5)]
    first = (await asker.get("/api/outbound/runs", params={"limit": 2})).json()
    assert [run["run_id"] for run in first["items"]] == made[:2:-1]
    second = (await asker.get("/api/outbound/runs", params={"limit": 3, "after": first["next"]})).json()
    assert [run["run_id"] for run in second["items"]] == made[2::-1]
    assert second["next"] is None
    await asker.post(f"/api/outbound_calls/jobs/{made[0]}/cancel")
    ended = (await asker.get("/api/outbound/runs", params={"status": "cancelled"})).json()["items"]
    assert [run["run_id"] for run in ended] == [made[0]]
    assert all(run.keys() >= RUN_FIELDS and adds_up(run) for run in first["items"])


async def test_jobs_are_listed_in_pages_with_their_calls(rig: Rig, world: World) -> None:
    business = await world.business(cap=1)
    asker = rig.asker(business)
    leads = await world.leads(business, 3)
    run_id = await asker.start(leads)
    await world.claim(business)
    path = f"/api/outbound/runs/{run_id}/jobs"
    first = (await asker.get(path, params={"limit": 2})).json()
    assert [job["lead_id"] for job in first["items"]] == leads[:2]
    (call,) = first["items"][0]["calls"]
    assert call.keys() >= {
        "call_sid",
        "state",
        "created_at",
        "accepted_at",
        "answered_at",
        "ended_at",
        "outcome",
        "error_code",
    }
    assert (call["state"], call["call_sid"], first["items"][0]["attempts"]) == ("dialing", None, 1)
    phone = await world.value("SELECT phone FROM leads WHERE id = $1", leads[0])
    assert first["items"][0]["phone"] == phone
    rest = (await asker.get(path, params={"after": first["next"]})).json()
    assert [job["lead_id"] for job in rest["items"]] == leads[2:]
    assert rest["next"] is None


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=ten", "limit"),
        ("limit=1.5", "limit"),
        ("limit=", "limit"),
        ("limit=1&limit=2", "limit"),
        ("after=-3", "after"),
        ("after=99999999999999999999", "after"),
        ("after=%00", "after"),
        ("status=done", "status"),
        ("status=running&status=failed", "status"),
        ("status=%00", "status"),
    ],
)
async def test_a_bad_query_is_named(shared_rig: Rig, shared_world: World, query: str, field: str) -> None:
    asker = shared_rig.asker(await shared_world.business())
    answer = await asker.get(f"/api/outbound/runs?{query}")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert [wrong["field"] for wrong in answer.json()["fields"]] == [field]


async def test_after_0_is_the_beginning(shared_rig: Rig, shared_world: World) -> None:
    business = await shared_world.business()
    asker = shared_rig.asker(business)
    run_id = await asker.start(await shared_world.leads(business, 2))
    for path in ("/api/outbound/runs", f"/api/outbound/runs/{run_id}/jobs", "/api/leads"):
        assert (await asker.get(f"{path}?after=0")).json() == (await asker.get(path)).json()


@pytest.mark.parametrize("junk", ["0", "-1", "abc", "1.0", "9223372036854775808", "1e3", "%00", "+1", "1_0", "٣"])
async def test_an_id_that_no_run_can_have_is_not_found(shared_rig: Rig, shared_world: World, junk: str) -> None:
    asker = shared_rig.asker(await shared_world.business())
    for method, path in (
        ("GET", f"/api/outbound/runs/{junk}"),
        ("GET", f"/api/outbound/runs/{junk}/jobs"),
        ("POST", f"/api/outbound_calls/jobs/{junk}/cancel"),
        ("POST", f"/api/outbound_calls/jobs/{junk}/force-cancel"),
        ("POST", f"/api/calls/{junk}/abandon"),
    ):
        answer = await asker.ask(method, path)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_the_active_run_is_the_oldest_and_comes_with_the_others(rig: Rig, world: World) -> None:
    business = await world.business()
    asker = rig.asker(business)
    none = await asker.get("/api/outbound_calls/jobs/active")
    assert (none.status_code, none.json()["code"]) == (404, "no_active_run")
    made = [await asker.start(await world.leads(business, 1)) for _ in range(3)]
    active = (await asker.get("/api/outbound_calls/jobs/active")).json()
    assert active["run_id"] == made[0]
    assert [run["run_id"] for run in active["runs"]] == made
    assert active.keys() >= RUN_FIELDS


async def _make_stale(rig: Rig, world: World, business: int, run_id: int) -> None:
    settings = rig.context.settings
    await world.claim(business)
    await world.do("UPDATE outbound_call_runs SET nudged_at = now() WHERE id = $1", run_id)
    await world.let_pass(run_id, settings.stale_after + 1)


async def test_a_stale_run_is_ended_first_and_no_longer_counts(rig: Rig, world: World) -> None:
    business = await world.business(cap=1)
    asker = rig.asker(business, Role.VIEWER)
    run_id = await rig.asker(business).start(await world.leads(business, 3))
    await _make_stale(rig, world, business, run_id)
    assert (await asker.run(run_id))["stale"] is True
    with capture_logs() as lines:
        assert (await asker.get("/api/outbound_calls/jobs/active")).status_code == 404
    run = await asker.run(run_id)
    assert (run["status"], run["end_reason"], run["failed"]) == ("stopped", "stale", 2)
    assert (run["stale"], run["locked_by_worker"], run["last_heartbeat_at"]) == (False, None, None)
    assert any(line["event"] == "STALE_DETECTION" and line["run_id"] == run_id for line in lines)
    (event,) = [event for event in rig.events if isinstance(event, RunStale)]
    assert (event.run_id, event.corrected) == (run_id, True)


async def test_nobody_elses_stale_run_is_touched_by_a_look(rig: Rig, world: World) -> None:
    business, other = await world.business(), await world.business()
    run_id = await rig.asker(other).start(await world.leads(other, 3))
    await _make_stale(rig, world, other, run_id)
    await rig.asker(business).get("/api/outbound_calls/jobs/active")
    assert (await rig.asker(other).run(run_id))["status"] == "running"


async def test_nothing_is_stale_just_after_an_outage_of_the_database(rig: Rig, world: World) -> None:
    """Breaks when a campaign is lost to an outage that its dispatcher survived."""
    business = await world.business()
    asker = rig.asker(business)
    run_id = await asker.start(await world.leads(business, 3))
    await _make_stale(rig, world, business, run_id)
    corrections.note_outage()
    assert (await asker.get("/api/outbound_calls/jobs/active")).json()["run_id"] == run_id
