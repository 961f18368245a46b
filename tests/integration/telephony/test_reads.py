"""Lists, fetches and hang-ups: whole answers, or an error that says so."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from urllib.parse import parse_qsl, urlsplit

import pytest

from shared.errors import ProviderAway
from shared.telephony.errors import ProviderRefused
from shared.telephony.hangup import HangUpResult, hang_up
from shared.telephony.http import ProviderHttp
from shared.telephony.reads import ProviderCall, fetch_call, list_calls, list_recent
from tests.integration.telephony.parts import CREDENTIALS, FROM, SID, TO, TOKEN, error_body
from tests.integration.telephony.stub import Behaviour, Stub, answers, closes, hangs, in_turn

NOW = datetime(2026, 11, 22, 10, 0, 0, tzinfo=UTC)
PATH = f"/2010-04-01/Accounts/{CREDENTIALS.account_sid}/Calls"

WITHOUT_ANSWER: dict[str, Behaviour] = {
    "hangs": hangs,
    "closes": closes,
    "500": answers(500, error_body(20500)),
    "503 HTML": answers(503, "<html>"),
    "200 HTML": answers(200, "<html>"),
    "200 empty": answers(200),
    "200 list": answers(200, "[]"),
    "200 cut": answers(200, '{"calls": []', length=500),
    "302": answers(302, "", "Location: /elsewhere"),
    "401": answers(401, error_body(20003)),
    "429": answers(429, error_body(20429)),
}


def sid(number: int) -> str:
    return f"CA{number:032x}"


def page(*calls: dict[str, object], following: str | None = None) -> Behaviour:
    return answers(200, json.dumps({"calls": list(calls), "next_page_uri": following}))


def created(number: int, age: float | None) -> dict[str, object]:
    at = None if age is None else format_datetime(NOW - timedelta(seconds=age))
    return {"sid": sid(number), "date_created": at}


async def recent(http: ProviderHttp) -> list[str]:
    since = NOW - timedelta(seconds=60)
    return [call.sid async for call in list_recent(http, CREDENTIALS, since)]


async def test_a_list_asks_for_both_numbers_and_no_start_time() -> None:
    async with Stub(page()) as stub, ProviderHttp(stub.url) as http:
        assert await list_calls(http, CREDENTIALS, to=TO, from_=FROM) == []
        (seen,) = stub.requests
    assert urlsplit(seen.target).path == f"{PATH}.json"
    assert parse_qsl(urlsplit(seen.target).query) == [("To", TO), ("From", FROM), ("PageSize", "200")]
    assert "+" not in urlsplit(seen.target).query


@pytest.mark.parametrize("absolute", [False, True])
async def test_a_list_follows_every_page_and_shows_each_call_once(absolute: bool) -> None:
    following = f"{PATH}.json?To=%2B1&Page=1&PageToken=PACA"
    base = "https://api.twilio.com" if absolute else ""
    pages = in_turn(
        page({"sid": sid(1)}, {"sid": sid(2)}, following=base + following),
        page({"sid": sid(2)}, {"sid": sid(3)}),
    )
    async with Stub(pages) as stub, ProviderHttp(stub.url) as http:
        calls = await list_calls(http, CREDENTIALS, to=TO, from_=FROM)
        assert [call.sid for call in calls] == [sid(1), sid(2), sid(3)]
        assert stub.requests[1].target == following
        assert stub.requests[1].headers["authorization"] == stub.requests[0].headers["authorization"]


async def test_every_field_of_a_call_is_read_and_the_numbers_are_not_shown() -> None:
    body = {
        "sid": SID,
        "status": "completed",
        "to": TO,
        "from": FROM,
        "direction": "outbound-api",
        "date_created": "Sun, 22 Nov 2026 10:00:00 +0000",
        "start_time": "2026-11-22T12:00:02+02:00",
        "end_time": "Sun, 22 Nov 2026 10:00:30 -0000",
        "duration": "28",
        "answered_by": "human",
        "queue_time": "1000",
        "annotation": None,
    }
    async with Stub(answers(200, json.dumps(body))) as stub, ProviderHttp(stub.url) as http:
        call = await fetch_call(http, CREDENTIALS, SID)
        assert stub.requests[0].target == f"{PATH}/{SID}.json"
    assert call == ProviderCall(
        sid=SID,
        status="completed",
        to=TO,
        from_=FROM,
        direction="outbound-api",
        date_created=NOW,
        start_time=NOW + timedelta(seconds=2),
        end_time=NOW + timedelta(seconds=30),
        duration=28,
        answered_by="human",
        queue_time_ms=1000,
    )
    assert TO not in repr(call)
    assert FROM not in repr(call)


async def test_a_call_needs_nothing_but_its_sid() -> None:
    odd = {"sid": SID, "status": 5, "duration": "", "trunk_sid": "", "date_created": "yesterday", "start_time": ""}
    async with Stub(answers(200, json.dumps(odd))) as stub, ProviderHttp(stub.url) as http:
        assert await fetch_call(http, CREDENTIALS, SID) == ProviderCall(sid=SID)


@pytest.mark.parametrize("shape", WITHOUT_ANSWER)
async def test_a_list_that_is_not_whole_is_an_error_on_the_first_page_and_on_a_later_one(shape: str) -> None:
    """Breaks: a list that shows nothing because it was cut counts as a denial, and the job is dialled again."""
    bad = WITHOUT_ANSWER[shape]
    first = page({"sid": sid(1)}, following=f"{PATH}.json?Page=1")
    for pages in (in_turn(*[bad] * 2), in_turn(first, *[bad] * 2)):
        async with Stub(pages) as stub, ProviderHttp(stub.url, dial_timeout=0.3) as http:
            with pytest.raises(ProviderAway) as caught:
                await list_calls(http, CREDENTIALS, to=TO, from_=FROM)
        assert TO[1:] not in f"{caught.value!r}"
        assert TOKEN not in f"{caught.value!r}"


@pytest.mark.parametrize("broken", [{"calls": [{"status": "queued"}]}, {"calls": [5]}, {"calls": None}, {}])
async def test_a_list_with_a_call_that_cannot_be_told_apart_is_an_error(broken: dict[str, object]) -> None:
    async with Stub(answers(200, json.dumps(broken))) as stub, ProviderHttp(stub.url) as http:
        with pytest.raises(ProviderAway):
            await list_calls(http, CREDENTIALS, to=TO, from_=FROM)


async def test_a_list_without_end_is_an_error() -> None:
    async with Stub(page(following=f"{PATH}.json?Page=1")) as stub, ProviderHttp(stub.url) as http:
        with pytest.raises(ProviderAway, match="50 pages"):
            await list_calls(http, CREDENTIALS, to=TO, from_=FROM)
        assert len(stub.requests) == 50


@pytest.mark.parametrize("elsewhere", ["https://evil.example/2010-04-01/x", "http://127.0.0.1:1/x", "x.json"])
async def test_credentials_follow_no_page_to_another_host(elsewhere: str) -> None:
    async with Stub(page(following=elsewhere)) as stub, ProviderHttp(stub.url) as http:
        with pytest.raises(ProviderAway):
            await list_calls(http, CREDENTIALS, to=TO, from_=FROM)
        assert len(stub.requests) == 1


async def test_a_refused_read_tells_its_code_and_when_to_come_back() -> None:
    refusal = answers(429, error_body(20429, f"slow down, {TO}"), "Retry-After: 3")
    async with Stub(refusal) as stub, ProviderHttp(stub.url) as http:
        with pytest.raises(ProviderRefused) as caught:
            await fetch_call(http, CREDENTIALS, SID)
    assert (caught.value.code, caught.value.status, caught.value.retry_after) == (20429, 429, 3.0)
    assert TO not in str(caught.value)


async def test_recent_calls_end_at_the_first_page_that_is_older_as_a_whole() -> None:
    following = f"{PATH}.json?Page="
    pages = in_turn(
        page(created(1, 5), created(2, 100), created(3, None), following=following + "1"),
        page(created(3, None), created(4, 59), created(5, 61), following=following + "2"),
        page(created(6, 70), created(7, 80), following=following + "3"),
    )
    async with Stub(pages) as stub, ProviderHttp(stub.url) as http:
        assert await recent(http) == [sid(1), sid(3), sid(4)]
        assert "To" not in dict(parse_qsl(urlsplit(stub.requests[0].target).query))
        assert len(stub.requests) == 3


async def test_recent_calls_end_with_the_list_and_fail_with_it() -> None:
    async with Stub(page(created(1, 5))) as stub, ProviderHttp(stub.url) as http:
        assert await recent(http) == [sid(1)]
    failing = in_turn(page(created(1, 5), following=f"{PATH}.json?Page=1"), answers(500))
    async with Stub(failing) as stub, ProviderHttp(stub.url) as http:
        with pytest.raises(ProviderAway):
            await recent(http)


async def test_a_call_that_the_provider_does_not_know_is_none() -> None:
    async with Stub(answers(404, error_body(20404))) as stub, ProviderHttp(stub.url) as http:
        assert await fetch_call(http, CREDENTIALS, SID) is None


@pytest.mark.parametrize("shape", WITHOUT_ANSWER)
async def test_a_fetch_without_a_usable_answer_is_an_error(shape: str) -> None:
    behaviour = WITHOUT_ANSWER[shape]
    async with Stub(behaviour) as stub, ProviderHttp(stub.url, dial_timeout=0.3) as http:
        with pytest.raises(ProviderAway):
            await fetch_call(http, CREDENTIALS, SID)


@pytest.mark.parametrize(
    ("behaviour", "result"),
    [
        (answers(200, json.dumps({"sid": SID, "status": "completed"})), HangUpResult.ENDED),
        (answers(400, error_body(21220)), HangUpResult.ALREADY_ENDED),
        (answers(404, error_body(20404)), HangUpResult.UNKNOWN),
    ],
)
async def test_a_hang_up_tells_what_it_met(behaviour: Behaviour, result: HangUpResult) -> None:
    async with Stub(behaviour) as stub, ProviderHttp(stub.url) as http:
        assert await hang_up(http, CREDENTIALS, SID) is result
        (seen,) = stub.requests
    assert (seen.method, seen.target, seen.form) == ("POST", f"{PATH}/{SID}.json", [("Status", "completed")])
    assert seen.headers["content-type"] == "application/x-www-form-urlencoded"


@pytest.mark.parametrize("shape", [name for name in WITHOUT_ANSWER if not name.startswith("200")])
async def test_a_hang_up_without_an_answer_is_an_error_and_not_repeated(shape: str) -> None:
    async with Stub(WITHOUT_ANSWER[shape]) as stub, ProviderHttp(stub.url, dial_timeout=0.3) as http:
        with pytest.raises(ProviderAway):
            await hang_up(http, CREDENTIALS, SID)
        assert len(stub.requests) == 1


async def test_the_sdk_itself_runs_over_this_client() -> None:
    from twilio.rest import Client

    body = json.dumps({"sid": SID, "status": "ringing", "start_time": None})
    async with Stub(answers(200, body)) as stub, ProviderHttp(stub.url) as http:
        call = await Client(CREDENTIALS.account_sid, TOKEN, http_client=http).calls(SID).fetch_async()
        assert (call.sid, call.status) == (SID, "ringing")


async def test_a_client_that_was_not_entered_says_so() -> None:
    with pytest.raises(ProviderAway):
        await fetch_call(ProviderHttp("http://127.0.0.1:1"), CREDENTIALS, SID)
