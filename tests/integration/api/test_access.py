"""Who may ask what, and in which words he is refused."""

from __future__ import annotations

import time
from typing import Any

import jwt
import pytest

from shared.auth import Role, mint_token
from tests.integration.api.rig import SECRET, TWIML, Asker, Rig, World

READS = [
    ("GET", "/api/outbound/runs"),
    ("GET", "/api/outbound/runs/1"),
    ("GET", "/api/outbound/runs/1/jobs"),
    ("GET", "/api/outbound_calls/jobs/active"),
]
WRITES = [
    ("POST", "/api/outbound_calls/start"),
    ("POST", "/api/outbound_calls/jobs/1/cancel"),
    ("POST", "/api/outbound/stop-queue"),
    ("POST", "/api/outbound_calls/jobs/1/force-cancel"),
    ("POST", "/api/outbound/runs/reconcile"),
    ("POST", "/api/calls/1/abandon"),
]


def signed(secret: str = SECRET, algorithm: str = "HS256", **changes: Any) -> str:
    claims = {"sub": "s", "role": "admin", "business_id": 1, "exp": time.time() + 60} | changes
    return jwt.encode({name: value for name, value in claims.items() if value is not None}, secret, algorithm)


BAD_TOKENS = {
    "none": None,
    "junk": "junk",
    "expired": signed(exp=time.time() - 60),
    "other secret": signed("another secret of 32 bytes or more"),
    "other algorithm": signed(algorithm="HS512", secret=SECRET * 2),
    "unsigned": jwt.encode({"sub": "s", "role": "admin", "business_id": 1}, "", "none"),
    "no sub": signed(sub=None),
    "no role": signed(role=None),
    "unknown role": signed(role="root"),
    "no business": signed(business_id=None),
    "text for a business": signed(business_id="1"),
    "no expiry": signed(exp=None),
}


@pytest.mark.parametrize("name", BAD_TOKENS)
async def test_without_a_good_token_every_address_answers_401(shared_rig: Rig, name: str) -> None:
    token = BAD_TOKENS[name]
    asker = Asker(shared_rig.client, {"Authorization": f"Bearer {token}"} if token else {})
    for method, path in READS + WRITES:
        answer = await asker.ask(method, path)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized"), path
        assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_a_viewer_reads_and_does_nothing_else(shared_rig: Rig, shared_world: World) -> None:
    asker = shared_rig.asker(await shared_world.business(), Role.VIEWER)
    for method, path in WRITES:
        answer = await asker.ask(method, path, json={})
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), path
    assert (await asker.get("/api/outbound/runs")).status_code == 200


async def test_a_platform_admin_reads_all_or_one_and_acts_for_the_one_he_names(rig: Rig, world: World) -> None:
    business, other = await world.business(), await world.business()
    platform = rig.asker(None, Role.PLATFORM_ADMIN)
    runs = {one: await rig.asker(one).start(await world.leads(one, 1)) for one in (business, other)}
    everything = (await platform.get("/api/outbound/runs")).json()["items"]
    assert {run["run_id"] for run in everything} == set(runs.values())
    narrowed = (await platform.get("/api/outbound/runs", params={"business_id": other})).json()["items"]
    assert [run["run_id"] for run in narrowed] == [runs[other]]
    assert (await platform.get(f"/api/outbound/runs/{runs[other]}")).status_code == 200
    for method, path in [*WRITES, ("GET", "/api/outbound_calls/jobs/active")]:
        answer = await platform.ask(method, path)
        assert answer.status_code == 422, path
        assert [field["field"] for field in answer.json()["fields"]] == ["business_id"]
    named = {"business_id": other}
    wish = {"lead_ids": await world.leads(other, 1), "twiml": TWIML}
    assert (await platform.post("/api/outbound_calls/start", params=named, json=wish)).status_code == 201
    assert (await platform.get("/api/outbound_calls/jobs/active", params=named)).json()["run_id"] == runs[other]
    cancelled = await platform.post(f"/api/outbound_calls/jobs/{runs[other]}/cancel", params=named)
    assert cancelled.status_code == 200
    wrong = await platform.post(f"/api/outbound_calls/jobs/{runs[business]}/cancel", params=named)
    assert wrong.status_code == 404
    nobody = await platform.post("/api/outbound/runs/reconcile", params={"business_id": 987654})
    assert (nobody.status_code, nobody.json()["code"]) == (404, "not_found")


async def test_a_token_of_a_business_that_does_not_exist_starts_nothing(shared_rig: Rig) -> None:
    answer = await shared_rig.asker(987654).post("/api/outbound_calls/start", json={})
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("header", "locale", "error"),
    [
        (None, "he", "לא נמצא דבר בשם או במספר הזה."),
        (None, "en", "There is nothing here by that name or number."),
        ("en", "he", "There is nothing here by that name or number."),
        ("fr, he;q=0.5", "en", "לא נמצא דבר בשם או במספר הזה."),
        ("fr", "he", "לא נמצא דבר בשם או במספר הזה."),
    ],
)
async def test_errors_come_in_the_language_asked_for_or_the_businesss(
    shared_rig: Rig, shared_world: World, header: str | None, locale: str, error: str
) -> None:
    headers = {"Accept-Language": header} if header else {}
    asker = shared_rig.asker(await shared_world.business(locale=locale))
    assert (await asker.get("/api/outbound/runs/123456", headers=headers)).json() == {
        "error": error,
        "code": "not_found",
    }


async def test_a_platform_admin_is_answered_in_the_language_of_the_business_he_names(
    shared_rig: Rig, shared_world: World
) -> None:
    business = await shared_world.business(locale="he")
    asker = shared_rig.asker(None, Role.PLATFORM_ADMIN)
    for answer in (
        await asker.get(f"/api/outbound/runs/123456?business_id={business}"),
        await asker.post(f"/api/outbound_calls/jobs/123456/cancel?business_id={business}"),
    ):
        assert answer.json()["error"] == "לא נמצא דבר בשם או במספר הזה."
    plain = await asker.get("/api/outbound/runs/123456")
    assert plain.json()["error"] == "There is nothing here by that name or number."


async def test_what_is_not_there_and_what_is_not_taken_have_the_one_shape(shared_rig: Rig) -> None:
    unknown = await shared_rig.client.get("/api/nothing")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")
    slash = await shared_rig.client.get("/api/outbound/runs/")
    assert (slash.status_code, slash.json()["code"]) == (404, "not_found")
    method = await shared_rig.client.delete("/api/outbound/runs")
    assert (method.status_code, method.json()["code"]) == (405, "invalid")
    assert "GET" in method.headers["allow"]


async def test_the_document_is_whole_and_its_page_needs_no_internet(shared_rig: Rig) -> None:
    document = (await shared_rig.client.get("/openapi.json")).json()
    for method, path in READS + WRITES:
        pattern = path.replace("/1", "/{call_id}" if "calls/1" in path else "/{run_id}")
        operation = document["paths"][pattern][method.lower()]
        assert operation["security"], path
        assert {"401", "503"} <= operation["responses"].keys(), path
    start = document["paths"]["/api/outbound_calls/start"]["post"]
    assert "lead_ids" in start["requestBody"]["content"]["application/json"]["schema"]["properties"]
    assert "HTTPValidationError" not in str(document)
    page = (await shared_rig.client.get("/docs")).text
    assert "https://" not in page
    assert (await shared_rig.client.get("/docs/parts/swagger-ui-bundle.js")).status_code == 200


async def test_a_printed_token_is_taken(shared_rig: Rig, shared_world: World) -> None:
    business = await shared_world.business()
    token = mint_token(SECRET, "me", Role.VIEWER, business, 60)
    asker = Asker(shared_rig.client, {"Authorization": f"bearer {token}"})
    assert (await asker.get("/api/outbound/runs")).status_code == 200
