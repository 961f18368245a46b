"""The operations of the REST API, and who may call them."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.integration.simulator.conftest import Simulate
from tests.integration.simulator.rig import (
    CHILD_NUMBER,
    CHILD_SID,
    NUMBER,
    OTHER_SID,
    SID,
    TO,
    Client,
    Webhooks,
    eventually,
)

LONG = {"params": {"outcome": "answered", "ring_seconds": 1, "talk_seconds": 3600}}
HUGE_PAGE = pytest.param("Page=" + "9" * 5000, id="huge-page")
RINGING = {"params": {"outcome": "answered", "ring_seconds": 3600}}


async def status_is(client: Client, sid: str, wanted: str) -> None:
    async def look() -> bool:
        _, call = await client.rest("GET", f"/Calls/{sid}.json")
        return bool(call["status"] == wanted)

    await eventually(look)


async def test_a_call_is_created_queued_and_found_again(client: Client, webhooks: Webhooks) -> None:
    status, call = await client.create(webhooks.form())
    assert status == 201
    assert re.fullmatch(r"CA[0-9a-f]{32}", call["sid"])
    assert (call["status"], call["direction"], call["to"], call["from"]) == (
        "queued",
        "outbound-api",
        TO,
        NUMBER,
    )
    assert call["start_time"] is call["end_time"] is call["duration"] is None
    await client.ended()
    status, fetched = await client.rest("GET", f"/Calls/{call['sid']}.json")
    assert (status, fetched["status"]) == (200, "completed")
    assert int(fetched["duration"]) >= 1


async def test_every_answer_carries_twilios_headers(client: Client) -> None:
    for response in (await client.raw("GET", "/Calls.json"), await client.raw("GET", "/Calls/CA1.json")):
        assert re.fullmatch(r"RQ[0-9a-f]{32}", response.headers["Twilio-Request-Id"])
        assert float(response.headers["Twilio-Request-Duration"]) >= 0
        assert response.headers["Twilio-Concurrent-Requests"] == "1"
        assert response.headers["X-Api-Domain"] == "api.twilio.com"
        assert response.headers["X-Home-Region"] == "us1"
        assert response.content_type == "application/json"


@pytest.mark.parametrize(
    ("user", "password", "account", "status", "code"),
    [
        (SID, "wrong", SID, 401, 20003),
        (SID, "primary-token", OTHER_SID, 401, 20003),
        (SID, "primary-token", "AC" + "9" * 32, 404, 20404),
        (CHILD_SID, "child-token", SID, 401, 20003),
        ("SK" + "d" * 32, "wrong", CHILD_SID, 401, 20003),
    ],
)
async def test_a_stranger_is_refused(
    client: Client, user: str, password: str, account: str, status: int, code: int
) -> None:
    stranger = replace(client, user=user, password=password, sid=account)
    got, body = await stranger.rest("GET", "/Calls.json")
    assert (got, body["code"], body["status"]) == (status, code, status)
    assert body["more_info"] == f"https://www.twilio.com/docs/errors/{code}"


@pytest.mark.parametrize(
    ("user", "password"),
    [(SID, "primary-token"), (CHILD_SID, "child-token"), ("SK" + "d" * 32, "key-secret")],
)
async def test_a_subaccount_is_open_to_its_parent_itself_and_its_key(
    client: Client, webhooks: Webhooks, user: str, password: str
) -> None:
    caller = replace(client, user=user, password=password, sid=CHILD_SID)
    status, call = await caller.create(webhooks.form(From=CHILD_NUMBER))
    assert (status, call["account_sid"]) == (201, CHILD_SID)


async def test_the_secondary_token_logs_in_too(client: Client) -> None:
    rotating = replace(client, user=OTHER_SID, password="other-old-token", sid=OTHER_SID)
    assert (await rotating.rest("GET", ".json"))[1]["sid"] == OTHER_SID


async def test_a_key_may_not_read_accounts(client: Client) -> None:
    key = replace(client, user="SK" + "d" * 32, password="key-secret", sid=CHILD_SID)
    assert (await key.rest("GET", ".json"))[0] == 401
    assert (await key.rest("GET", "/Balance.json"))[1]["currency"] == "USD"


async def test_unknown_calls_and_paths_are_404_in_twilios_form(client: Client) -> None:
    for path in ("/Calls/CA" + "0" * 32 + ".json", "/Nothing.json"):
        status, body = await client.rest("GET", path)
        assert (status, body["code"]) == (404, 20404)
        assert body["message"].endswith(f"{path} was not found")


async def test_a_refused_create_makes_no_call_and_is_in_the_ledger(client: Client, webhooks: Webhooks) -> None:
    status, body = await client.create(webhooks.form(To="+15005550001"))
    assert (status, body["code"]) == (400, 21217)
    (entry,) = await client.entries()
    assert (entry["carried_out"], entry["answer_code"], entry["token"]) == (False, 21217, "t")


async def test_lists_page_to_the_end_newest_first(client: Client, webhooks: Webhooks) -> None:
    made = [(await client.create(webhooks.form(To=f"+1212555{n:04d}")))[1]["sid"] for n in range(5)]
    seen, path = [], "/Calls.json?PageSize=2"
    while path:
        _, page = await client.rest("GET", path)
        seen.append([call["sid"] for call in page["calls"]])
        path = (page["next_page_uri"] or "").partition(SID)[2]
    newest = list(reversed(made))
    assert seen == [newest[:2], newest[2:4], newest[4:]]
    assert (page["page"], page["start"], page["end"], page["page_size"]) == (2, 4, 4, 2)
    assert page["previous_page_uri"] is not None
    assert page["first_page_uri"].endswith("PageSize=2&Page=0")


async def test_lists_are_filtered(client: Client, webhooks: Webhooks) -> None:
    await client.rule("outcome", match={"to_suffix": "777"}, params={"outcome": "busy"})
    await client.create(webhooks.form("a", To="+12125550777"))
    await client.create(webhooks.form("b", To="+12125550778"))
    await client.ended(2)
    now = datetime.now(UTC)
    today, tomorrow = f"{now:%Y-%m-%d}", f"{now + timedelta(days=1):%Y-%m-%d}"
    earlier, later = (f"{now + timedelta(hours=hours):%Y-%m-%dT%H:%M:%SZ}" for hours in (-1, 1))
    for query, count in {
        "To=%2B12125550777": 1,
        "To=%2B12125550777&Status=completed": 0,
        "From=%2B972501234567": 2,
        "From=%2B1": 0,
        "Status=busy": 1,
        "Status=queued": 0,
        "ParentCallSid=CA1": 0,
        f"StartTime={tomorrow}": 0,
        f"StartTime%3E={earlier}": 2,
        f"StartTime%3E={later}": 0,
        f"StartTime%3C={later}": 2,
        f"StartTime%3C={earlier}": 0,
        f"StartTime%3C={today}&StartTime%3E={earlier}": 2,
        f"EndTime%3E={earlier}": 2,
        f"EndTime%3E={later}": 0,
        f"EndTime%3C={tomorrow}": 2,
    }.items():
        status, page = await client.rest("GET", f"/Calls.json?{query}")
        assert (query, status, len(page["calls"])) == (query, 200, count)


@pytest.mark.parametrize(
    "query", ["Status=gone", "PageSize=0", "PageSize=1001", "Page=x", "StartTime=noon", f"Page={'9' * 5000}"]
)
async def test_a_list_that_makes_no_sense_is_refused(client: Client, query: str) -> None:
    assert (await client.rest("GET", f"/Calls.json?{query}"))[0] == 400


async def test_a_queued_call_is_cancelled_without_a_callback(simulate: Simulate, webhooks: Webhooks) -> None:
    async with simulate(cps=0.001) as client:
        await client.create(webhooks.form("first"))
        _, call = await client.create(webhooks.form("second"))
        assert int(call["queue_time"]) > 900_000
        _, updated = await client.rest("POST", f"/Calls/{call['sid']}.json", data={"Status": "canceled"})
        assert updated["status"] == "canceled"
        await client.ended(2)
        assert webhooks.statuses("second") == []


@pytest.mark.parametrize("wanted", ["canceled", "completed"])
async def test_a_ringing_call_is_ended_with_a_callback(client: Client, webhooks: Webhooks, wanted: str) -> None:
    await client.rule("outcome", **RINGING)
    _, call = await client.create(webhooks.form())
    await status_is(client, call["sid"], "ringing")
    _, updated = await client.rest("POST", f"/Calls/{call['sid']}.json", data={"Status": wanted})
    assert updated["status"] == wanted
    await eventually(lambda: _last(webhooks, wanted))
    (entry,) = await client.entries()
    assert [(one["requested"], one["accepted"]) for one in entry["hang_ups"]] == [(wanted, True)]


async def _last(webhooks: Webhooks, wanted: str) -> bool:
    return wanted in webhooks.statuses()


async def test_a_call_in_progress_is_not_cancelled_but_completed(client: Client, webhooks: Webhooks) -> None:
    await client.rule("outcome", **LONG)
    _, call = await client.create(webhooks.form())
    path = f"/Calls/{call['sid']}.json"
    await status_is(client, call["sid"], "in-progress")
    assert (await client.rest("POST", path, data={"Status": "canceled"}))[1]["status"] == "in-progress"
    assert (await client.rest("POST", path, data={"Status": "completed"}))[1]["status"] == "completed"
    status, body = await client.rest("POST", path, data={"Status": "completed"})
    assert (status, body["code"]) == (400, 21220)


async def test_new_twiml_hangs_up_and_a_new_time_limit_holds(client: Client, webhooks: Webhooks) -> None:
    await client.rule("outcome", **LONG)
    for number, change in enumerate([{"Twiml": "<Response><Hangup/></Response>"}, {"TimeLimit": "2"}], 1):
        _, call = await client.create(webhooks.form(f"t{number}"))
        await status_is(client, call["sid"], "in-progress")
        status, _ = await client.rest("POST", f"/Calls/{call['sid']}.json", data=change)
        assert status == 200
        await client.ended(number)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"Status": "busy"}, 20001),
        ({"Url": "nowhere"}, 21205),
        ({"Url": "https://example.com/"}, 21205),
        ({"Twiml": "x" * 4001}, 32018),
        ({"TimeLimit": "never"}, 20422),
        ({"Twiml": "<Response/>"}, 21220),
    ],
)
async def test_a_bad_update_is_refused(client: Client, webhooks: Webhooks, change: dict[str, str], code: int) -> None:
    await client.rule("outcome", **RINGING)
    _, call = await client.create(webhooks.form())
    status, body = await client.rest("POST", f"/Calls/{call['sid']}.json", data=change)
    assert (status, body["code"]) == (400, code)


async def test_only_a_finished_call_is_deleted_and_the_ledger_keeps_it(client: Client, webhooks: Webhooks) -> None:
    await client.rule("outcome", **RINGING)
    _, call = await client.create(webhooks.form())
    path = f"/Calls/{call['sid']}.json"
    assert (await client.rest("DELETE", path))[1]["code"] == 20009
    await client.rest("POST", path, data={"Status": "completed"})
    assert (await client.rest("DELETE", path))[0] == 204
    assert (await client.rest("GET", path))[0] == 404
    assert (await client.rest("GET", "/Calls.json"))[1]["calls"] == []
    assert [entry["deleted"] for entry in await client.entries()] == [True]


async def test_events_list_what_was_sent_about_the_call(client: Client, webhooks: Webhooks) -> None:
    _, call = await client.create(webhooks.form())
    await client.ended()

    async def all_events() -> list[str] | None:
        _, page = await client.rest("GET", f"/Calls/{call['sid']}/Events.json")
        urls = [event["request"]["url"] for event in page["events"]]
        return urls if len(urls) == 5 else None

    urls = await eventually(all_events)
    assert urls.count(f"{webhooks.url}/status/t") == 4
    assert urls.count(f"{webhooks.url}/voice/t") == 1


async def test_a_parent_sees_its_subaccounts(client: Client) -> None:
    headers = {"data": None}
    _, mine = await client.rest("GET", ".json", **headers)
    assert (mine["sid"], mine["status"]) == (SID, "active")


async def test_calls_start_at_the_rate_of_their_account(simulate: Simulate, webhooks: Webhooks) -> None:
    async with simulate(cps=2) as client:
        for n in range(4):
            await client.create(webhooks.form(f"t{n}"))
        entries = await client.ended(4)
        assert [entry["queue_ms"] > 0 for entry in entries] == [False, True, True, True]
        starts = sorted(entry["states"]["initiated"]["mono"] for entry in entries)
        assert (starts[-1] - starts[0]) * 20 >= 1.4


async def test_a_queue_of_more_than_a_day_is_full(simulate: Simulate, webhooks: Webhooks) -> None:
    async with simulate(cps=1e-5) as client:
        assert (await client.create(webhooks.form()))[0] == 201
        status, body = await client.create(webhooks.form())
        assert (status, body["code"]) == (400, 22005)


async def test_suspended_accounts_and_those_below_them_are_refused(simulate: Simulate, webhooks: Webhooks) -> None:
    accounts = [
        {"sid": OTHER_SID, "auth_tokens": ["o"], "from_numbers": [], "status": "suspended"},
        {"sid": CHILD_SID, "auth_tokens": ["c"], "from_numbers": [], "parent": OTHER_SID},
    ]
    async with simulate(accounts=accounts) as client:
        for sid, token in ((OTHER_SID, "o"), (CHILD_SID, "c")):
            _, body = await replace(client, user=sid, password=token, sid=sid).create(webhooks.form())
            assert body["code"] == 20005


async def test_observed_answers_deviate_from_the_description(simulate: Simulate, webhooks: Webhooks) -> None:
    async with simulate(mode="as_observed") as client:
        _, call = await client.create(webhooks.form())
        assert call["annotation"] is None
        assert (call["trunk_sid"], call["caller_name"], call["date_created"]) == ("", "", None)
