"""Businesses over HTTP: made, shown, changed, and kept apart."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from shared.auth import Role
from shared.sealing import Sealer
from tests.integration.api.rig import Asker, Rig, World
from tests.integration.api_leads.conftest import Pair

SID, OTHER_SID = "AC" + "a" * 32, "AC" + "b" * 32
TOKEN = "c0ffee" * 5
ACCOUNT = {"account_sid": SID, "auth_token": TOKEN, "from_number": "+15005550006"}


async def made(platform: Asker, **fields: Any) -> dict[str, Any]:
    answer = await platform.post("/api/businesses", json={"name": "Dials", **fields})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def patched(asker: Asker, business_id: int, **fields: Any) -> httpx.Response:
    return await asker.ask("PATCH", f"/api/businesses/{business_id}", json=fields)


def fields_of(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 422, answer.text
    assert answer.json()["code"] == "invalid"
    return [field["field"] for field in answer.json()["fields"]]


async def test_a_business_gets_what_is_not_said_from_the_settings(platform: Asker) -> None:
    business = await made(platform)
    assert business.pop("created_at").endswith("Z")
    assert business == {
        "id": business["id"],
        "name": "Dials",
        "max_concurrent_calls": 3,
        "calls_per_second": 1.0,
        "default_region": "IL",
        "locale": "en",
        "twilio": None,
    }


async def test_a_business_gets_what_is_said_and_its_secret_never_comes_back(
    rig: Rig, platform: Asker, world: World
) -> None:
    business = await made(
        platform, max_concurrent_calls=100_000, calls_per_second=0.5, default_region="gb", locale="he", twilio=ACCOUNT
    )
    assert (business["max_concurrent_calls"], business["calls_per_second"]) == (100_000, 0.5)
    assert (business["default_region"], business["locale"]) == ("GB", "he")
    assert business["twilio"] == {"account_sid": SID, "from_number": "+15005550006"}
    shown = await rig.asker(business["id"], Role.VIEWER).get(f"/api/businesses/{business['id']}")
    assert shown.json() == business
    assert TOKEN not in shown.text
    sealed = await world.value("SELECT auth_token_sealed FROM businesses WHERE id = $1", business["id"])
    assert TOKEN.encode() not in sealed
    assert Sealer(SecretStr("a key to seal secrets with")).open(sealed, SID).get_secret_value() == TOKEN


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR, Role.ADMIN])
async def test_only_the_platform_makes_businesses(rig: Rig, pair: Pair, role: Role) -> None:
    answer = await rig.asker(pair.a, role).post("/api/businesses", json={"name": "x"})
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


BAD_FIELDS: list[tuple[dict[str, Any], str]] = [
    ({"name": ""}, "name"),
    ({"name": "  "}, "name"),
    ({"name": "x" * 201}, "name"),
    ({"name": "a\nb"}, "name"),
    ({"name": "a\x00b"}, "name"),
    ({"name": 5}, "name"),
    ({"max_concurrent_calls": 0}, "max_concurrent_calls"),
    ({"max_concurrent_calls": 100_001}, "max_concurrent_calls"),
    ({"max_concurrent_calls": True}, "max_concurrent_calls"),
    ({"max_concurrent_calls": 3.0}, "max_concurrent_calls"),
    ({"max_concurrent_calls": "3"}, "max_concurrent_calls"),
    ({"max_concurrent_calls": 2**70}, "max_concurrent_calls"),
    ({"calls_per_second": 0}, "calls_per_second"),
    ({"calls_per_second": -1}, "calls_per_second"),
    ({"calls_per_second": 100_000.5}, "calls_per_second"),
    ({"calls_per_second": 1e-13}, "calls_per_second"),
    ({"calls_per_second": 5e-324}, "calls_per_second"),
    ({"calls_per_second": False}, "calls_per_second"),
    ({"calls_per_second": "1"}, "calls_per_second"),
    ({"default_region": "UK"}, "default_region"),
    ({"default_region": "Israel"}, "default_region"),
    ({"default_region": 972}, "default_region"),
    ({"locale": "fr"}, "locale"),
    ({"locale": ["en"]}, "locale"),
    ({"twilio": "AC"}, "twilio"),
    ({"twilio": []}, "twilio"),
    ({"twilio": {**ACCOUNT, "account_sid": "AC12"}}, "twilio.account_sid"),
    ({"twilio": {**ACCOUNT, "auth_token": ""}}, "twilio.auth_token"),
    ({"twilio": {**ACCOUNT, "auth_token": "a b"}}, "twilio.auth_token"),
    ({"twilio": {**ACCOUNT, "auth_token": None}}, "twilio.auth_token"),
    ({"twilio": {**ACCOUNT, "from_number": "0501234567"}}, "twilio.from_number"),
    ({"twilio": {**ACCOUNT, "from_number": "+1५005550006"}}, "twilio.from_number"),
    ({"twilio": {**ACCOUNT, "api_key": "x"}}, "twilio.api_key"),
    ({"twilio": {"account_sid": SID, "auth_token": TOKEN}}, "twilio.from_number"),
    ({"id": 7}, "id"),
]


@pytest.mark.parametrize(("fields", "named"), BAD_FIELDS)
async def test_a_bad_field_is_named_and_nothing_is_made_or_changed(
    rig: Rig, platform: Asker, pair: Pair, world: World, fields: dict[str, Any], named: str
) -> None:
    before = await world.value("SELECT array_agg(b::text ORDER BY id) FROM businesses b")
    assert fields_of(await platform.post("/api/businesses", json={"name": "x", **fields})) == [named]
    assert fields_of(await patched(rig.asker(pair.a), pair.a, **fields)) == [named]
    assert await world.value("SELECT array_agg(b::text ORDER BY id) FROM businesses b") == before


async def test_every_bad_field_is_named_at_once_in_the_language_asked_for(platform: Asker) -> None:
    body = {"locale": "fr", "calls_per_second": 0, "twilio": {"account_sid": "x"}}
    answer = await platform.post("/api/businesses", json=body, headers={"Accept-Language": "he"})
    assert sorted(fields_of(answer)) == [
        "calls_per_second",
        "locale",
        "name",
        "twilio.account_sid",
        "twilio.auth_token",
        "twilio.from_number",
    ]
    assert all(any("א" <= sign <= "ת" for sign in field["reason"]) for field in answer.json()["fields"])


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"\xff", b'{"name": "\\ud800"}', b'{"name": 1e999}'])
async def test_a_body_that_is_no_object_is_refused(rig: Rig, platform: Asker, pair: Pair, body: bytes) -> None:
    assert fields_of(await platform.post("/api/businesses", content=body)) == ["body"]
    assert fields_of(await rig.asker(pair.a).ask("PATCH", f"/api/businesses/{pair.a}", content=body)) == ["body"]


async def test_null_is_not_a_value_to_change_to(rig: Rig, pair: Pair) -> None:
    nulls = {"name": None, "max_concurrent_calls": None, "locale": None}
    assert sorted(fields_of(await patched(rig.asker(pair.a), pair.a, **nulls))) == sorted(nulls)


async def test_a_new_business_may_leave_fields_null(platform: Asker) -> None:
    business = await made(platform, locale=None, twilio=None, max_concurrent_calls=None)
    assert (business["locale"], business["twilio"], business["max_concurrent_calls"]) == ("en", None, 3)


async def test_an_admin_changes_what_he_names_and_nothing_else(rig: Rig, pair: Pair, world: World) -> None:
    before = (await rig.asker(pair.a).get(f"/api/businesses/{pair.a}")).json()
    answer = await patched(rig.asker(pair.a), pair.a, name="  Neu ", default_region="US")
    assert answer.json() == {**before, "name": "Neu", "default_region": "US"}
    answer = await patched(rig.asker(pair.a), pair.a)
    assert answer.json() == {**before, "name": "Neu", "default_region": "US"}
    assert await world.value("SELECT name FROM businesses WHERE id = $1", pair.b) == "B"


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR])
async def test_who_is_no_admin_reads_and_does_not_change(rig: Rig, pair: Pair, role: Role) -> None:
    asker = rig.asker(pair.a, role)
    assert (await asker.get(f"/api/businesses/{pair.a}")).status_code == 200
    assert (await patched(asker, pair.a, name="x")).status_code == 403


async def test_the_new_language_is_spoken_at_once(rig: Rig, pair: Pair) -> None:
    asker = rig.asker(pair.a)
    assert (await patched(asker, pair.a, locale="xx")).json()["error"].isascii()
    assert (await patched(asker, pair.a, locale="he")).status_code == 200
    assert not (await patched(asker, pair.a, locale="xx")).json()["error"].isascii()


@pytest.mark.parametrize("role", [Role.VIEWER, Role.ADMIN])
async def test_another_business_is_not_there(rig: Rig, pair: Pair, world: World, role: Role) -> None:
    asker = rig.asker(pair.a, role)
    for business_id in (pair.b, 10**9, 2**63, 0, "x"):
        answer = await asker.get(f"/api/businesses/{business_id}")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
        answer = await asker.ask("PATCH", f"/api/businesses/{business_id}", json={"name": "mine"})
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert await world.value("SELECT name FROM businesses WHERE id = $1", pair.b) == "B"


async def test_the_platform_reads_and_changes_every_business(platform: Asker, pair: Pair) -> None:
    for business_id in (pair.a, pair.b):
        assert (await platform.get(f"/api/businesses/{business_id}")).json()["id"] == business_id
        assert (await patched(platform, business_id, name="Named")).json()["name"] == "Named"
    assert (await platform.get("/api/businesses/999999")).status_code == 404
    assert (await patched(platform, 999_999, name="x")).status_code == 404


async def test_lowering_the_cap_leaves_live_calls_alone(rig: Rig, pair: Pair, world: World) -> None:
    await rig.asker(pair.a).start(await world.leads(pair.a, 5), from_number="+15005550006")
    assert len(await world.claim(pair.a)) == 3
    answer = await patched(rig.asker(pair.a), pair.a, max_concurrent_calls=1)
    assert answer.json()["max_concurrent_calls"] == 1
    live = "SELECT count(*) FROM calls WHERE business_id = $1 AND ended_at IS NULL"
    assert await world.value(live, pair.a) == 3
    assert await world.claim(pair.a) == []


class TestAccounts:
    """An account of one's own."""

    async def test_without_a_key_to_seal_with_there_is_none(self, rig: Rig, platform: Asker, pair: Pair) -> None:
        rig.context.settings = rig.context.settings.model_copy(update={"secrets_key": None})
        answer = await platform.post("/api/businesses", json={"name": "x", "twilio": ACCOUNT})
        assert fields_of(answer) == ["twilio"]
        assert "SECRETS_KEY" in answer.json()["fields"][0]["reason"]
        assert fields_of(await patched(rig.asker(pair.a), pair.a, twilio=ACCOUNT)) == ["twilio"]

    async def test_it_is_attached_replaced_and_given_up(self, rig: Rig, pair: Pair, world: World) -> None:
        admin = rig.asker(pair.a)
        assert (await patched(admin, pair.a, twilio=ACCOUNT)).json()["twilio"]["account_sid"] == SID
        first = await world.value("SELECT auth_token_sealed FROM businesses WHERE id = $1", pair.a)
        assert (await patched(admin, pair.a, twilio={**ACCOUNT, "auth_token": "new"})).status_code == 200
        assert await world.value("SELECT auth_token_sealed FROM businesses WHERE id = $1", pair.a) != first
        answer = await patched(admin, pair.a, twilio={**ACCOUNT, "account_sid": OTHER_SID})
        assert answer.json()["twilio"] == {"account_sid": OTHER_SID, "from_number": "+15005550006"}
        assert (await patched(admin, pair.a, name="kept")).json()["twilio"]["account_sid"] == OTHER_SID
        assert (await patched(admin, pair.a, twilio=None)).json()["twilio"] is None
        row = "SELECT account_id IS NULL AND auth_token_sealed IS NULL AND from_number IS NULL FROM businesses"
        assert await world.value(row + " WHERE id = $1", pair.a)
        assert (await patched(admin, pair.a, twilio=ACCOUNT)).json()["twilio"]["account_sid"] == SID
        assert await world.value("SELECT count(*) FROM accounts") == 2

    async def test_one_that_another_business_uses_is_attached_by_the_platform_alone(
        self, rig: Rig, platform: Asker, pair: Pair, world: World
    ) -> None:
        assert (await patched(rig.asker(pair.a), pair.a, twilio=ACCOUNT)).status_code == 200
        assert fields_of(await patched(rig.asker(pair.b), pair.b, twilio=ACCOUNT)) == ["twilio.account_sid"]
        assert await world.value("SELECT account_id IS NULL FROM businesses WHERE id = $1", pair.b)
        assert (await patched(platform, pair.b, twilio=ACCOUNT)).json()["twilio"]["account_sid"] == SID
        assert await world.value("SELECT count(DISTINCT account_id) FROM businesses WHERE account_id IS NOT NULL") == 1

    async def test_the_shared_one_is_nobodys_own(self, rig: Rig, pair: Pair, world: World) -> None:
        await world.account()
        shared = await world.value("SELECT account_sid FROM accounts WHERE is_shared")
        taken = {**ACCOUNT, "account_sid": shared}
        assert fields_of(await patched(rig.asker(pair.a), pair.a, twilio=taken)) == ["twilio.account_sid"]
        rig.context.settings = rig.context.settings.model_copy(update={"twilio_account_sid": OTHER_SID})
        taken = {**ACCOUNT, "account_sid": OTHER_SID}
        assert fields_of(await patched(rig.asker(pair.a), pair.a, twilio=taken)) == ["twilio.account_sid"]

    async def test_its_rate_is_the_largest_of_its_businesses(
        self, rig: Rig, platform: Asker, pair: Pair, world: World
    ) -> None:
        rate = "SELECT calls_per_second FROM accounts WHERE account_sid = $1"
        first = await made(platform, calls_per_second=2, twilio=ACCOUNT)
        second = await made(platform, calls_per_second=5, twilio=ACCOUNT)
        assert await world.value(rate, SID) == 5
        await patched(rig.asker(first["id"]), first["id"], calls_per_second=7)
        assert await world.value(rate, SID) == 7
        await patched(rig.asker(first["id"]), first["id"], calls_per_second=1)
        assert await world.value(rate, SID) == 5
        await patched(rig.asker(second["id"]), second["id"], twilio=None)
        assert await world.value(rate, SID) == 1

    async def test_the_shared_ones_rate_is_not_a_businesss_to_set(
        self, platform: Asker, pair: Pair, world: World
    ) -> None:
        await world.account()
        shared = await world.value("SELECT account_sid FROM accounts WHERE is_shared")
        answer = await patched(platform, pair.a, twilio={**ACCOUNT, "account_sid": shared}, calls_per_second=3)
        assert answer.status_code == 200
        assert await world.value("SELECT calls_per_second FROM accounts WHERE is_shared") == 1000

    async def test_it_stays_while_its_calls_are_live(self, rig: Rig, pair: Pair, world: World) -> None:
        admin = rig.asker(pair.a)
        assert (await patched(admin, pair.a, twilio=ACCOUNT, calls_per_second=1000)).status_code == 200
        await admin.start(await world.leads(pair.a, 1))
        assert len(await world.claim(pair.a)) == 1
        assert fields_of(await patched(admin, pair.a, twilio=None)) == ["twilio"]
        assert fields_of(await patched(admin, pair.a, twilio={**ACCOUNT, "account_sid": OTHER_SID})) == ["twilio"]
        assert (await patched(admin, pair.a, twilio={**ACCOUNT, "auth_token": "rotated"})).status_code == 200
        await world.do("UPDATE calls SET ended_at = now(), state = 'abandoned', next_check_at = NULL")
        assert (await patched(admin, pair.a, twilio=None)).status_code == 200

    async def test_two_businesses_that_want_one_at_once_do_not_both_get_it(
        self, rig: Rig, pair: Pair, world: World
    ) -> None:
        for number in range(10):
            account = {**ACCOUNT, "account_sid": f"AC{number:032x}"}
            answers = await asyncio.gather(
                patched(rig.asker(pair.a), pair.a, twilio=account), patched(rig.asker(pair.b), pair.b, twilio=account)
            )
            assert sorted(answer.status_code for answer in answers) == [200, 422]
            users = "SELECT count(*) FROM businesses b JOIN accounts a ON a.id = b.account_id WHERE a.account_sid = $1"
            assert await world.value(users, account["account_sid"]) == 1
