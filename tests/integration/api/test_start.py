"""Starting runs: what is accepted, what is refused and how, and that a repeat is a repeat."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pytest

from shared.auth import Role
from shared.events import RunCreated
from tests.integration.api.rig import TWIML, Rig, World

START = "/api/outbound_calls/start"


async def test_a_run_is_made_of_the_leads_in_their_order(rig: Rig, world: World) -> None:
    business = await world.business()
    leads = await world.leads(business, 3)
    asker = rig.asker(business)
    wanted = [leads[2], leads[0], leads[1]]
    answer = await asker.post(START, json={"lead_ids": wanted, "twiml": TWIML, "name": "Spring"})
    body = answer.json()
    assert answer.status_code == 201
    assert body == {
        "success": True,
        "run_id": body["run_id"],
        "status": "pending",
        "total_leads": 3,
        "queued": 3,
        "skipped": [],
    }
    jobs = (await asker.get(f"/api/outbound/runs/{body['run_id']}/jobs")).json()["items"]
    assert [job["lead_id"] for job in jobs] == wanted
    assert {job["status"] for job in jobs} == {"queued"}
    assert rig.events == [RunCreated(run_id=body["run_id"], business_id=business)]


async def test_doubled_and_unknown_leads_are_skipped_and_named(rig: Rig, world: World) -> None:
    business, other = await world.business(), await world.business()
    (lead,), (foreign,) = await world.leads(business, 1), await world.leads(other, 1)
    body = {"lead_ids": [lead, lead, foreign, 2**63 - 1], "twiml_url": "https://example.com/twiml"}
    answer = (await rig.asker(business, Role.OPERATOR).post(START, json=body)).json()
    assert answer["total_leads"] == answer["queued"] == 1
    assert answer["skipped"] == [
        {"lead_id": lead, "reason": "duplicate"},
        {"lead_id": foreign, "reason": "unknown_lead"},
        {"lead_id": 2**63 - 1, "reason": "unknown_lead"},
    ]


async def test_with_no_lead_left_there_is_no_run_and_the_key_stays_free(rig: Rig, world: World) -> None:
    business = await world.business()
    asker = rig.asker(business)
    wish = {"lead_ids": [987654321], "twiml": TWIML}
    answer = await asker.post(START, json=wish, headers={"Idempotency-Key": "k"})
    assert answer.status_code == 422
    assert answer.json()["code"] == "no_leads"
    assert answer.json()["skipped"] == [{"lead_id": 987654321, "reason": "unknown_lead"}]
    assert await world.value("SELECT count(*) FROM outbound_call_runs") == 0
    assert await world.value("SELECT count(*) FROM idempotency_keys") == 0
    assert rig.events == []


async def test_everything_wished_for_a_run_is_kept(rig: Rig, world: World) -> None:
    business = await world.business()
    run_id = await rig.asker(business).start(
        await world.leads(business, 1),
        name="אביב",
        from_number="+15005550006",
        ring_timeout=25,
        on_uncertain="never",
    )
    row = await world.connection.fetchrow("SELECT * FROM outbound_call_runs WHERE id = $1", run_id)
    assert row["name"] == "אביב"
    assert (row["from_number"], row["ring_timeout"], row["on_uncertain"]) == ("+15005550006", 25, "never")
    assert (row["twiml"], row["twiml_url"], row["created_by_user_id"]) == (TWIML, None, "somebody")


BAD: list[tuple[dict[str, Any], set[str]]] = [
    ({}, {"lead_ids", "twiml"}),
    ({"lead_ids": [], "twiml": TWIML}, {"lead_ids"}),
    ({"lead_ids": "1", "twiml": TWIML}, {"lead_ids"}),
    ({"lead_ids": [1, True], "twiml": TWIML}, {"lead_ids"}),
    ({"lead_ids": [1, 1.5], "twiml": TWIML}, {"lead_ids"}),
    ({"lead_ids": [1, "2"], "twiml": TWIML}, {"lead_ids"}),
    ({"lead_ids": [0], "twiml": TWIML}, {"lead_ids"}),
    ({"lead_ids": [-1], "twiml": TWIML}, {"lead_ids"}),
    ({"lead_ids": [2**63], "twiml": TWIML}, {"lead_ids"}),
    ({"lead_ids": [2**80], "twiml": TWIML}, {"lead_ids"}),
    ({"lead_ids": [None], "twiml": TWIML}, {"lead_ids"}),
    ({"lead_ids": list(range(1, 100_002)), "twiml": TWIML}, {"lead_ids"}),
    ({"lead_ids": [1], "from_run": 1, "twiml": TWIML}, {"lead_ids"}),
    ({"from_run": 2**63, "twiml": TWIML}, {"from_run"}),
    ({"from_run": True, "twiml": TWIML}, {"from_run"}),
    ({"from_run": 424242, "twiml": TWIML}, {"from_run"}),
    ({"lead_ids": [1]}, {"twiml"}),
    ({"lead_ids": [1], "twiml": TWIML, "twiml_url": "https://example.com"}, {"twiml"}),
    ({"lead_ids": [1], "twiml": "<Response>"}, {"twiml"}),
    ({"lead_ids": [1], "twiml": ""}, {"twiml"}),
    ({"lead_ids": [1], "twiml": 5}, {"twiml"}),
    ({"lead_ids": [1], "twiml": "<R>" + "x" * 3994 + "</R>"}, {"twiml"}),
    ({"lead_ids": [1], "twiml": '<!DOCTYPE r [<!ENTITY a "b">]><r>&a;</r>'}, {"twiml"}),
    ({"lead_ids": [1], "twiml_url": "http://example.com/t"}, {"twiml_url"}),
    ({"lead_ids": [1], "twiml_url": "ftp://example.com/t"}, {"twiml_url"}),
    ({"lead_ids": [1], "twiml_url": "not a url"}, {"twiml_url"}),
    ({"lead_ids": [1], "twiml": TWIML, "from_number": "0501234567"}, {"from_number"}),
    ({"lead_ids": [1], "twiml": TWIML, "ring_timeout": 4}, {"ring_timeout"}),
    ({"lead_ids": [1], "twiml": TWIML, "ring_timeout": 601}, {"ring_timeout"}),
    ({"lead_ids": [1], "twiml": TWIML, "ring_timeout": "60"}, {"ring_timeout"}),
    ({"lead_ids": [1], "twiml": TWIML, "on_uncertain": "always"}, {"on_uncertain"}),
    ({"lead_ids": [1], "twiml": TWIML, "name": "x" * 201}, {"name"}),
    ({"lead_ids": [1], "twiml": TWIML, "name": "a\x00b"}, {"name"}),
    ({"lead_ids": [1], "twiml": TWIML, "name": {"a": 1}}, {"name"}),
    ({"lead_ids": [1], "twiml": TWIML, "colour": "red", "size": 1}, {"colour", "size"}),
    ({"lead_ids": "x", "twiml": 1, "ring_timeout": 1, "name": 1}, {"lead_ids", "twiml", "ring_timeout", "name"}),
]


@pytest.mark.parametrize(("body", "fields"), BAD, ids=[f"{n}-{'-'.join(sorted(f))}" for n, (_, f) in enumerate(BAD)])
async def test_a_bad_field_is_named_and_nothing_is_made(
    shared_rig: Rig, shared_world: World, body: dict[str, Any], fields: set[str]
) -> None:
    asker = shared_rig.asker(await shared_world.business())
    answer = await asker.post(START, json=body)
    assert answer.status_code == 422, answer.text
    assert answer.json()["code"] == "invalid"
    assert {field["field"] for field in answer.json()["fields"]} == fields
    assert await shared_world.value("SELECT count(*) FROM outbound_call_runs") == 0


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (b"{", "application/json"),
        (b"", "application/json"),
        (b"[1]", "application/json"),
        (b"null", "application/json"),
        (b'{"name": "\\ud800"}', "application/json"),
        (b'{"name": "\xff"}', "application/json"),
        (b"[" * 5000, "application/json"),
        (b'{"lead_ids": [NaN]}', "application/json"),
        (b'{"lead_ids": [1]}', "text/plain"),
        (b"lead_ids=1", "application/x-www-form-urlencoded"),
    ],
)
async def test_what_is_no_json_object_is_refused_as_body(
    shared_rig: Rig, shared_world: World, content: bytes, content_type: str
) -> None:
    asker = shared_rig.asker(await shared_world.business())
    answer = await asker.post(START, content=content, headers={"Content-Type": content_type})
    assert answer.status_code == 422
    assert [field["field"] for field in answer.json()["fields"]] == ["body"]


@pytest.mark.parametrize("key", ["", " ", "a b", "k" * 256, "é"])
async def test_a_bad_idempotency_key_is_refused(shared_rig: Rig, shared_world: World, key: str) -> None:
    asker = shared_rig.asker(await shared_world.business())
    headers = [(b"Idempotency-Key", key.encode("latin-1"))]
    request = shared_rig.client.build_request(
        "POST", START, json={}, headers=[*((k.encode(), v.encode()) for k, v in asker.headers.items()), *headers]
    )
    answer = await shared_rig.client.send(request)
    assert answer.status_code == 422
    assert answer.json()["fields"][0]["field"] == "Idempotency-Key"


async def test_a_repeat_gets_the_first_answer_and_another_body_is_refused(rig: Rig, world: World) -> None:
    business, other = await world.business(), await world.business()
    leads = await world.leads(business, 2)
    asker = rig.asker(business)
    key = {"Idempotency-Key": "spring-1"}
    first = await asker.post(START, json={"lead_ids": leads, "twiml": TWIML}, headers=key)
    reordered = await asker.post(START, json={"twiml": TWIML, "lead_ids": leads}, headers=key)
    assert (first.status_code, reordered.status_code) == (201, 201)
    assert first.json() == reordered.json()
    changed = await asker.post(START, json={"lead_ids": leads[:1], "twiml": TWIML}, headers=key)
    assert (changed.status_code, changed.json()["code"]) == (422, "idempotency_mismatch")
    elsewhere = {"lead_ids": await world.leads(other, 1), "twiml": TWIML}
    assert (await rig.asker(other).post(START, json=elsewhere, headers=key)).status_code == 201
    assert len(rig.events) == 2


async def test_a_key_is_forgotten_after_a_day(rig: Rig, world: World) -> None:
    business = await world.business()
    wish = {"lead_ids": await world.leads(business, 1), "twiml": TWIML}
    asker = rig.asker(business)
    first = await asker.post(START, json=wish, headers={"Idempotency-Key": "k"})
    await world.do("UPDATE idempotency_keys SET created_at = created_at - interval '24 h 1 s'")
    second = await asker.post(START, json={**wish, "name": "again"}, headers={"Idempotency-Key": "k"})
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["run_id"] != second.json()["run_id"]


async def test_the_same_key_raced_makes_one_run(rig: Rig, world: World) -> None:
    """Breaks when two requests with one key both find no run: the campaign would ring everybody twice."""
    business = await world.business()
    wish = {"lead_ids": await world.leads(business, 50), "twiml": TWIML}
    asker = rig.asker(business)
    racing = [asker.post(START, json=wish, headers={"Idempotency-Key": "race"}) for _ in range(8)]
    answers = await asyncio.gather(*racing)
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    assert await world.value("SELECT count(*) FROM outbound_call_runs") == 1


async def test_from_run_takes_the_leads_that_were_never_rung(rig: Rig, world: World) -> None:
    business = await world.business(cap=1)
    leads = await world.leads(business, 3)
    asker = rig.asker(business)
    run_id = await asker.start(leads)
    wish = {"from_run": run_id, "twiml": TWIML}
    early = await asker.post(START, json=wish)
    assert (early.status_code, early.json()["fields"][0]["field"]) == (422, "from_run")
    (call,) = await world.claim(business)
    await world.do("UPDATE outbound_call_jobs SET dialed = true WHERE id = $1", call["job_id"])
    await asker.post(f"/api/outbound_calls/jobs/{run_id}/force-cancel")
    again = await asker.post(START, json=wish)
    assert again.status_code == 201
    jobs = (await asker.get(f"/api/outbound/runs/{again.json()['run_id']}/jobs")).json()["items"]
    assert [job["lead_id"] for job in jobs] == leads[1:]


async def test_from_run_leaves_out_jobs_with_the_outcome_of_a_call_whoever_wrote_it(rig: Rig, world: World) -> None:
    business = await world.business()
    leads = await world.leads(business, 2)
    asker = rig.asker(business)
    run_id = await asker.start(leads)
    await world.do(
        "UPDATE outbound_call_jobs SET status = 'failed', outcome = 'failed' WHERE run_id = $1 AND lead_id = $2",
        run_id,
        leads[0],
    )
    await asker.post(f"/api/outbound_calls/jobs/{run_id}/force-cancel")
    again = await asker.post(START, json={"from_run": run_id, "twiml": TWIML})
    jobs = (await asker.get(f"/api/outbound/runs/{again.json()['run_id']}/jobs")).json()["items"]
    assert [job["lead_id"] for job in jobs] == leads[1:]


async def test_other_businesses_are_dialled_while_100000_leads_are_started(
    rig: Rig, world: World, database_url: str
) -> None:
    """Breaks when a start holds what a claim needs: one business's big run would silence all the others."""
    big, small = await world.business(), await world.business(cap=50)
    leads = await world.leads(big, 100_000)
    await rig.asker(small).start(await world.leads(small, 50))
    await world.dispatcher()
    start = asyncio.create_task(rig.asker(big).post(START, json={"lead_ids": leads, "twiml": TWIML}))
    claimed = 0
    while not start.done():
        claimed += len(await world.claim(small, limit=1))
        await asyncio.sleep(0.01)
    answer = await start
    assert answer.status_code == 201, answer.text
    assert answer.json()["total_leads"] == 100_000
    assert claimed > 1
    owner = await asyncpg.connect(database_url)
    assert await owner.fetchval("SELECT count(*) FROM outbound_call_jobs WHERE business_id = $1", big) == 100_000
    await owner.close()
