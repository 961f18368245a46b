"""Leads given as JSON, and read back."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from shared.auth import Role
from tests.integration.api.rig import Asker, Rig, World
from tests.integration.api_leads.conftest import Pair

PHONE, SAME = "+972522005574", "052-200-5574"
OTHER = "+13125550172"


async def given(asker: Asker, *leads: Any, **headers: str) -> dict[str, Any]:
    answer = await asker.post("/api/leads", json={"leads": list(leads)}, headers=headers)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def kept(asker: Asker) -> list[dict[str, Any]]:
    answer = await asker.get("/api/leads", params={"limit": 1000})
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


def fields_of(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 422, answer.text
    assert answer.json()["code"] == "invalid"
    return [field["field"] for field in answer.json()["fields"]]


async def test_good_leads_are_taken_and_bad_ones_named(pair: Pair) -> None:
    answer = await given(
        pair.asker_a,
        {"phone": SAME, "name": " דנה  לוי ", "attributes": {"city": "חיפה", "n": [1, None]}},
        {"phone": "050-12345"},
        {"phone": 522005574},
        {"phone": None},
        {},
        "0522005574",
        {"phone": OTHER, "name": "x" * 201},
        {"phone": OTHER, "attributes": {"a": "\x00"}},
        {"phone": OTHER, "email": "x@y"},
        {"phone": OTHER},
    )
    first, last = answer["lead_ids"][0], answer["lead_ids"][-1]
    assert answer["lead_ids"] == [first, *[None] * 8, last]
    assert (answer["created"], answer["updated"]) == (2, 0)
    assert [(bad["index"], bad["phone"]) for bad in answer["invalid"]] == [
        (1, "050-12345"),
        (2, "522005574"),
        (3, None),
        (4, None),
        (5, None),
        (6, OTHER),
        (7, OTHER),
        (8, OTHER),
    ]
    assert len({bad["reason"] for bad in answer["invalid"]}) == 7
    lead = (await kept(pair.asker_a))[0]
    assert lead.pop("created_at").endswith("Z")
    assert lead == {
        "id": first,
        "business_id": pair.a,
        "phone": PHONE,
        "name": "דנה לוי",
        "attributes": {"city": "חיפה", "n": [1, None]},
    }


async def test_reasons_come_in_the_language_asked_for_else_the_businesss(pair: Pair) -> None:
    async def reason(asker: Asker, **headers: str) -> str:
        return str((await given(asker, {"phone": "1"}, **headers))["invalid"][0]["reason"])

    english, hebrew = await reason(pair.asker_a), await reason(pair.asker_b)
    assert english.isascii()
    assert not hebrew.isascii()
    assert await reason(pair.asker_a, **{"Accept-Language": "he"}) == hebrew
    assert await reason(pair.asker_b, **{"Accept-Language": "en-GB"}) == english


async def test_a_known_number_is_updated_with_what_is_given(pair: Pair) -> None:
    first = await given(pair.asker_a, {"phone": PHONE, "name": "Dana", "attributes": {"a": 1}})
    again = await given(pair.asker_a, {"phone": SAME, "attributes": {"b": 2}})
    assert again == {"created": 0, "updated": 1, "invalid": [], "lead_ids": first["lead_ids"]}
    assert [(lead["name"], lead["attributes"]) for lead in await kept(pair.asker_a)] == [("Dana", {"b": 2})]
    await given(pair.asker_a, {"phone": SAME, "name": "Dina", "attributes": None})
    assert [(lead["name"], lead["attributes"]) for lead in await kept(pair.asker_a)] == [("Dina", {"b": 2})]
    await given(pair.asker_a, {"phone": SAME, "name": "", "attributes": {}})
    assert [(lead["name"], lead["attributes"]) for lead in await kept(pair.asker_a)] == [("Dina", {})]


async def test_one_number_twice_in_a_request_is_one_lead(pair: Pair) -> None:
    answer = await given(
        pair.asker_a,
        {"phone": PHONE, "name": "first", "attributes": {"a": 1}},
        {"phone": OTHER},
        {"phone": SAME, "name": "second"},
    )
    assert (answer["created"], answer["updated"]) == (2, 1)
    assert answer["lead_ids"][0] == answer["lead_ids"][2] != answer["lead_ids"][1]
    found = {lead["phone"]: (lead["name"], lead["attributes"]) for lead in await kept(pair.asker_a)}
    assert found == {PHONE: ("second", {"a": 1}), OTHER: (None, {})}


async def test_numbers_are_of_the_businesss_region(rig: Rig, pair: Pair) -> None:
    await rig.asker(pair.a).ask("PATCH", f"/api/businesses/{pair.a}", json={"default_region": "US"})
    await given(pair.asker_a, {"phone": "(312) 555-0172"})
    assert [lead["phone"] for lead in await kept(pair.asker_a)] == [OTHER]


async def test_a_hundred_thousand_leads_are_one_request_and_no_more(pair: Pair, world: World) -> None:
    leads = [{"phone": f"052-{2_099_999 - number}"} for number in range(100_000)]
    answer = await given(pair.asker_a, *leads)
    assert answer["created"] == await world.value("SELECT count(*) FROM leads") == 100_000
    assert answer["lead_ids"] == sorted(answer["lead_ids"])
    refused = await pair.asker_a.post("/api/leads", json={"leads": [*leads, leads[0]]})
    assert fields_of(refused) == ["leads"]


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b"", "body"),
        (b"[]", "body"),
        (b'{"leads": [', "body"),
        (b"{}", "leads"),
        (b'{"leads": null}', "leads"),
        (b'{"leads": {}}', "leads"),
        (b'{"leads": "0522005574"}', "leads"),
        (b'{"leads": []}', "leads"),
        (b'{"leads": [{"phone": "0522005574"}], "business_id": 1}', "business_id"),
        (b'{"leads": [' + b"[" * 2_000 + b"]" * 2_000 + b"]}", "body"),
    ],
)
async def test_a_body_without_leads_is_refused(pair: Pair, body: bytes, named: str) -> None:
    assert fields_of(await pair.asker_a.post("/api/leads", content=body)) == [named]


async def test_a_body_above_ten_megabytes_is_refused(pair: Pair) -> None:
    answer = await pair.asker_a.post("/api/leads", content=b" " * 10_000_001)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


async def test_a_viewer_reads_leads_and_does_not_write_them(rig: Rig, pair: Pair) -> None:
    viewer = rig.asker(pair.a, Role.VIEWER)
    answer = await viewer.post("/api/leads", json={"leads": [{"phone": PHONE}]})
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    answer = await viewer.post("/api/leads/import", files={"file": ("x.csv", b"phone\n0522005574\n")})
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert await kept(viewer) == []


async def test_nobody_without_a_token_gets_in(rig: Rig) -> None:
    for method, path in (("GET", "/api/leads"), ("POST", "/api/leads"), ("POST", "/api/leads/import")):
        assert (await rig.client.request(method, path)).status_code == 401


async def test_pages_hold_every_lead_once(pair: Pair, world: World) -> None:
    ids = await world.leads(pair.a, 7)
    await world.leads(pair.b, 3)
    seen: list[int] = []
    params: dict[str, Any] = {"limit": 3}
    for expected in (3, 3, 1):
        page = (await pair.asker_a.get("/api/leads", params=params)).json()
        assert len(page["items"]) == expected
        seen += [lead["id"] for lead in page["items"]]
        params["after"] = page["next"]
    assert params["after"] is None
    assert seen == ids


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "after=-1", "after=x", f"after={2**64}"])
async def test_a_bad_page_is_refused(pair: Pair, query: str) -> None:
    assert fields_of(await pair.asker_a.get(f"/api/leads?{query}")) == [query.partition("=")[0]]


async def test_a_hundred_is_a_page_unless_told(pair: Pair, world: World) -> None:
    await world.leads(pair.a, 101)
    page = (await pair.asker_a.get("/api/leads")).json()
    assert (len(page["items"]), page["next"]) == (100, page["items"][-1]["id"])


class TestTwoBusinesses:
    """Nothing of one business's leads is seen or changed by another, also when both know a number."""

    async def test_both_know_one_number_each_for_himself(self, pair: Pair) -> None:
        a = await given(pair.asker_a, {"phone": PHONE, "name": "of A"})
        b = await given(pair.asker_b, {"phone": PHONE, "name": "of B"})
        assert (a["created"], b["created"]) == (1, 1)
        assert a["lead_ids"] != b["lead_ids"]
        await given(pair.asker_b, {"phone": PHONE, "name": "of B again", "attributes": {"x": 1}})
        assert [(lead["name"], lead["attributes"]) for lead in await kept(pair.asker_a)] == [("of A", {})]
        assert [lead["name"] for lead in await kept(pair.asker_b)] == ["of B again"]

    @pytest.mark.parametrize("method", ["GET", "POST"])
    async def test_naming_the_other_is_refused(self, pair: Pair, method: str) -> None:
        for path in ("/api/leads", "/api/leads/import")[: 1 if method == "GET" else 2]:
            answer = await pair.asker_a.ask(method, f"{path}?business_id={pair.b}")
            assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")

    async def test_the_platform_reads_all_and_writes_for_the_one_it_names(self, platform: Asker, pair: Pair) -> None:
        lead = {"leads": [{"phone": PHONE}]}
        assert fields_of(await platform.post("/api/leads", json=lead)) == ["business_id"]
        for business_id in (pair.a, pair.b):
            assert (await platform.post(f"/api/leads?business_id={business_id}", json=lead)).json()["created"] == 1
        assert [found["business_id"] for found in await kept(platform)] == [pair.a, pair.b]
        narrowed = await platform.get(f"/api/leads?business_id={pair.b}")
        assert [found["business_id"] for found in narrowed.json()["items"]] == [pair.b]
        assert (await platform.post("/api/leads?business_id=999999", json=lead)).status_code == 404


async def test_the_same_leads_given_at_once_in_any_order_are_each_made_once(pair: Pair, world: World) -> None:
    """Rows are locked in the order of their numbers; in the order given, two requests would wait for each other."""
    leads = [{"phone": f"052-{2000000 + number}", "name": "x"} for number in range(1_500)]
    for _ in range(3):
        answers = await asyncio.gather(
            given(pair.asker_a, *leads),
            given(pair.asker_a, *reversed(leads)),
            given(pair.asker_a, *leads[700:], *leads[:700]),
        )
        assert [answer["created"] + answer["updated"] for answer in answers] == [1_500] * 3
        assert sum(answer["created"] for answer in answers) == await world.value("SELECT count(*) FROM leads")
        assert answers[0]["lead_ids"] == answers[1]["lead_ids"][::-1]
        await world.do("DELETE FROM leads")
