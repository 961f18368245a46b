"""Each way in which a create or a read goes wrong, seen by the client and in the ledger."""

import asyncio
import time
from typing import Any

import aiohttp
import pytest

from tests.integration.simulator.conftest import Simulate
from tests.integration.simulator.rig import SID, Client, Webhooks, eventually, until


async def flushed(client: Client, what: str) -> None:
    """Let go what the simulator holds, once it holds any."""

    async def look() -> bool:
        return bool((await client.sim("POST", f"/{what}/flush"))["flushed"])

    await eventually(look)


async def carried_out(client: Client) -> bool:
    return any(entry["carried_out"] for entry in await client.entries())


async def test_a_delayed_answer_leaves_the_call_under_way(client: Client, webhooks: Webhooks) -> None:
    await client.rule("response_delay", params={"seconds": 3600})
    creating = asyncio.create_task(client.create(webhooks.form()))

    async def exists() -> bool:
        return bool(await client.entries()) and await carried_out(client)

    await eventually(exists)
    assert not creating.done()
    await flushed(client, "answers")
    assert (await creating)[0] == 201


async def test_a_delayed_answer_comes_by_itself_after_its_time(client: Client, webhooks: Webhooks) -> None:
    await client.rule("response_delay", params={"seconds": 0.5})
    began = time.monotonic()
    assert (await client.create(webhooks.form()))[0] == 201
    assert time.monotonic() - began >= 0.5


@pytest.mark.parametrize(("mode", "accepted"), [("reset_after_accept", True), ("reset_before_accept", False)])
async def test_a_reset_connection_tells_nothing(client: Client, webhooks: Webhooks, mode: str, accepted: bool) -> None:
    await client.sim("POST", "/once", {"mode": mode})
    with pytest.raises((aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)):
        await client.create(webhooks.form())
    (entry,) = await client.entries()
    assert (entry["carried_out"], entry["mode"], entry["answer_status"]) == (accepted, mode, None)
    assert (await client.create(webhooks.form()))[0] == 201


@pytest.mark.parametrize("html", [False, True])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("status", [500, 502, 503])
async def test_errors_of_the_front_come_before_or_after_the_call(
    client: Client, webhooks: Webhooks, status: int, when: str, html: bool
) -> None:
    await client.rule(f"http_{status}_{when}_accept", params={"html": html})
    response = await client.raw("POST", "/Calls.json", data=webhooks.form())
    assert response.status == status
    assert response.content_type == ("text/html" if html else "application/json")
    assert "Twilio-Request-Id" in response.headers
    assert await carried_out(client) is (when == "after")


async def test_a_bad_201_is_empty_truncated_or_a_page(client: Client, webhooks: Webhooks) -> None:
    for form in ("empty", "truncated", "html"):
        await client.sim("POST", "/once", {"mode": "bad_201", "params": {"form": form}})
    html, truncated, empty = [await client.raw("POST", "/Calls.json", data=webhooks.form()) for _ in range(3)]
    assert (html.status, html.content_type) == (200, "text/html")
    assert truncated.status == 201
    with pytest.raises(ValueError):
        await truncated.json()
    assert (empty.status, await empty.read()) == (201, b"")
    assert [entry["carried_out"] for entry in await client.entries()] == [True] * 3


async def test_a_201_is_cut_on_the_wire(client: Client, webhooks: Webhooks) -> None:
    await client.rule("bad_201", params={"form": "cut"})
    with pytest.raises(aiohttp.ClientPayloadError):
        await client.create(webhooks.form())
    assert await carried_out(client)


async def test_429_is_never_carried_out_in_any_form(client: Client, webhooks: Webhooks) -> None:
    forms: list[tuple[dict[str, Any], str]] = [
        ({}, "application/json"),
        ({"retry_after": 7}, "application/json"),
        ({"rfc9457": True}, "application/problem+json"),
    ]
    for params, content_type in forms:
        await client.sim("POST", "/once", {"mode": "http_429", "params": params})
        response = await client.raw("POST", "/Calls.json", data=webhooks.form())
        body = await response.json(content_type=None)
        assert (response.status, response.content_type, body["code"]) == (429, content_type, 20429)
        assert response.headers.get("Retry-After") == ("7" if params.get("retry_after") else None)
    assert not await carried_out(client)


@pytest.mark.parametrize(
    ("mode", "params", "status", "code"),
    [
        ("account_suspended", {}, 403, 20005),
        ("account_suspended", {"code": 10001}, 403, 10001),
        ("bad_credentials", {}, 401, 20003),
        ("concurrency_10004", {}, 400, 10004),
        ("queue_full_22005", {}, 400, 22005),
        ("geo_21215", {}, 400, 21215),
        ("error", {"code": 573002, "status": 400, "message": "trial"}, 400, 573002),
    ],
)
async def test_an_error_by_code_lasts_until_it_is_switched_off(
    client: Client, webhooks: Webhooks, mode: str, params: dict[str, Any], status: int, code: int
) -> None:
    await client.rule(mode, params=params)
    for _ in range(2):
        got, body = await client.create(webhooks.form())
        assert (got, body["code"]) == (status, code)
    assert not await carried_out(client)
    await client.sim("DELETE", "/rules")
    assert (await client.create(webhooks.form()))[0] == 201


async def test_a_blocked_account_cannot_be_read_either(client: Client) -> None:
    await client.rule("account_suspended", match={"account": SID})
    assert (await client.rest("GET", ".json"))[1]["code"] == 20005
    assert (await client.rest("GET", "/Calls.json"))[0] == 403


async def test_a_hanging_request_is_never_answered(client: Client, webhooks: Webhooks) -> None:
    for accept in (False, True):
        await client.sim("POST", "/once", {"mode": "hang", "params": {"accept": accept}})
        with pytest.raises(TimeoutError):
            await client.raw("POST", "/Calls.json", data=webhooks.form(), timeout=aiohttp.ClientTimeout(total=0.3))
    assert [entry["carried_out"] for entry in await client.entries()] == [False, True]


async def test_one_create_is_carried_out_twice(client: Client, webhooks: Webhooks) -> None:
    await client.rule("two_sids", times=1)
    _, call = await client.create(webhooks.form())
    first, second = await client.ended(2)
    assert first["sid"] == call["sid"] != second["sid"]
    assert (first["request_id"], second["twin"]) == (second["request_id"], True)
    stats = await client.sim("GET", "/stats")
    assert [double["overlaps"] for double in stats["doubles"]] == [[first["sid"]]]


async def test_a_late_create_is_carried_out_after_the_connection_is_gone(client: Client, webhooks: Webhooks) -> None:
    await client.rule("create_late", params={"seconds": 1.0})
    with pytest.raises((aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)):
        await client.create(webhooks.form())
    (entry,) = await client.ended()
    assert entry["states"]["queued"]["mono"] - entry["mono"] >= 1.0
    assert entry["token"] == "t"


async def test_a_late_create_shows_nowhere_until_it_is_carried_out(client: Client, webhooks: Webhooks) -> None:
    await client.rule("create_late", params={"seconds": 3600})
    with pytest.raises((aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)):
        await client.create(webhooks.form())
    assert (await client.rest("GET", "/Calls.json"))[1]["calls"] == []
    await flushed(client, "creates")
    (entry,) = await client.ended()
    assert (entry["carried_out"], entry["token"]) == (True, "t")


async def test_too_many_requests_at_once_are_429(simulate: Simulate, webhooks: Webhooks) -> None:
    async with simulate(rest_limit=2) as client:
        await client.rule("response_delay", params={"seconds": 3600})
        creating = [asyncio.create_task(client.create(webhooks.form())) for _ in range(5)]
        await until(lambda: sum(create.done() for create in creating) == 3)
        await flushed(client, "answers")
        answers = await asyncio.gather(*creating)
        assert sorted(status for status, _ in answers) == [201, 201, 429, 429, 429]


async def test_reads_lag_behind(client: Client, webhooks: Webhooks) -> None:
    await client.rule("rest_stale", params={"lag": 4})
    _, call = await client.create(webhooks.form())
    path = f"/Calls/{call['sid']}.json"
    assert (await client.rest("GET", path))[0] == 404
    assert (await client.rest("GET", "/Calls.json"))[1]["calls"] == []

    async def completed() -> bool:
        return bool((await client.rest("GET", path))[1].get("status") == "completed")

    await eventually(completed)


@pytest.mark.parametrize("size", [1, 2, 3])
async def test_lists_repeat_rows_across_pages(client: Client, webhooks: Webhooks, size: int) -> None:
    await client.rule("rest_stale", params={"duplicates": True})
    made = [(await client.create(webhooks.form()))[1]["sid"] for _ in range(3)]
    seen, path = [], f"/Calls.json?PageSize={size}"
    while path:
        _, page = await client.rest("GET", path)
        seen += [call["sid"] for call in page["calls"]]
        path = (page["next_page_uri"] or "").partition(SID)[2]
    assert seen == [sid for sid in reversed(made) for _ in range(2)]


async def test_a_finished_call_is_listed_as_ringing(client: Client, webhooks: Webhooks) -> None:
    await client.rule("lying_status")
    _, call = await client.create(webhooks.form())
    await client.ended()
    _, fetched = await client.rest("GET", f"/Calls/{call['sid']}.json")
    assert (fetched["status"], fetched["end_time"], fetched["duration"]) == ("ringing", None, None)
    assert len((await client.rest("GET", "/Calls.json?Status=ringing"))[1]["calls"]) == 1


@pytest.mark.parametrize("mode", ["http_500_before_accept", "http_500_after_accept", "error"])
async def test_reads_fail_when_a_rule_names_them(client: Client, mode: str) -> None:
    params = {"code": 20500, "status": 500} if mode == "error" else {}
    await client.rule(mode, match={"op": "list"}, params=params)
    assert (await client.rest("GET", "/Calls.json"))[0] == 500
    assert (await client.rest("GET", ".json"))[0] == 200
