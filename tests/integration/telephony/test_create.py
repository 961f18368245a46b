"""Every way in which a create can end, each against a server that counts what reached it."""

from __future__ import annotations

import asyncio
import json
import socket
import warnings
from dataclasses import replace
from pathlib import Path

import pytest

from shared.errors import Ambiguous, CreateFailed, CreateRejected, NotSent
from shared.telephony import boottime
from shared.telephony.create import create_call
from shared.telephony.http import ProviderHttp
from tests.integration.telephony.parts import (
    ACCEPTED,
    CREDENTIALS,
    FROM,
    REQUEST,
    SID,
    TO,
    TOKEN,
    certificate,
    create,
    error_body,
)
from tests.integration.telephony.stub import (
    Behaviour,
    Seen,
    Stub,
    answers,
    closes,
    drips,
    floods,
    hangs,
    in_turn,
    resets,
    writes,
)

HTML = "<html><body>Bad gateway</body></html>"


async def test_an_accepted_create_sends_the_contract_and_tells_what_came_back() -> None:
    answer = answers(201, ACCEPTED, "Twilio-Request-Id: RQ1", "Twilio-Concurrent-Requests: 4")
    async with Stub(answer) as stub, ProviderHttp(stub.url) as http:
        accepted = await create(http)
        assert (accepted.call_sid, accepted.queue_time_ms) == (SID, 1500)
        assert (accepted.request_id, accepted.concurrent) == ("RQ1", 4)
        (seen,) = stub.requests
    assert (seen.method, seen.target) == ("POST", f"/2010-04-01/Accounts/{CREDENTIALS.account_sid}/Calls.json")
    assert seen.form == [
        ("To", TO),
        ("From", FROM),
        ("StatusCallback", REQUEST.status_callback_url),
        *[("StatusCallbackEvent", event) for event in ("ringing", "answered", "completed")],
        ("Timeout", "60"),
        ("TimeLimit", "3600"),
        ("Url", REQUEST.voice_url),
    ]
    assert seen.headers["authorization"].startswith("Basic ")
    assert seen.headers["content-type"] == "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    "body",
    [
        {"sid": SID},
        {"sid": SID, "queue_time": None, "date_created": 7, "price": [], "status": "?", "trunk_sid": ""},
        {"sid": SID, "queue_time": "soon", "subresource_uris": None, "annotation": None},
    ],
)
@pytest.mark.parametrize("status", [200, 201])
async def test_a_sid_is_all_that_an_accepted_create_needs(body: dict[str, object], status: int) -> None:
    async with Stub(answers(status, json.dumps(body))) as stub, ProviderHttp(stub.url) as http:
        accepted = await create(http)
    assert (accepted.call_sid, accepted.queue_time_ms, accepted.request_id) == (SID, None, None)


async def test_no_call_waits_longer_than_the_providers_queue() -> None:
    """A time that the database cannot write down would keep every answer from being recorded."""
    body = json.dumps({"sid": SID, "queue_time": "9" * 18})
    async with Stub(answers(201, body)) as stub, ProviderHttp(stub.url) as http:
        assert (await create(http)).queue_time_ms == 24 * 3_600_000


AMBIGUOUS: dict[str, Behaviour] = {
    "hangs": hangs,
    "drips past the timeout": drips,
    "answers without end": floods,
    "closes without a byte": closes,
    "resets": resets,
    "no HTTP at all": writes(b"220 mail.example ESMTP\r\n"),
    "half a status line": writes(b"HTTP/1.1 20"),
    "201 empty": answers(201),
    "201 truncated JSON": answers(201, ACCEPTED[:30]),
    "201 body cut": answers(201, ACCEPTED, length=5000),
    "201 HTML": answers(201, HTML),
    "201 JSON list": answers(201, json.dumps([{"sid": SID}])),
    "201 JSON null": answers(201, "null"),
    "201 no sid": answers(201, json.dumps({"status": "queued"})),
    "201 null sid": answers(201, json.dumps({"sid": None})),
    "201 numeric sid": answers(201, json.dumps({"sid": 5})),
    "201 message sid": answers(201, json.dumps({"sid": "SM" + "0" * 32})),
    "201 nested too deep": answers(201, "[" * 100_000),
    "200 with an error body": answers(200, error_body(21211)),
    "204": answers(204),
    "408": answers(408, error_body(408)),
    "500 JSON": answers(500, error_body(20500)),
    "500 HTML": answers(500, HTML),
    "500 empty": answers(500),
    "500 with a number's code": answers(500, error_body(21211)),
    "502 HTML": answers(502, HTML),
    "503 JSON": answers(503, error_body(20503)),
    "504": answers(504),
    "500 in RFC 9457": answers(500, json.dumps({"type": "x", "title": "t", "status": 500, "code": 20500})),
}


@pytest.mark.parametrize("shape", AMBIGUOUS)
async def test_an_answer_that_settles_nothing_is_ambiguous_and_never_sent_again(shape: str) -> None:
    """Were one of these taken for a failure, its job would be dialled again while the phone rings."""
    async with Stub(AMBIGUOUS[shape]) as stub, ProviderHttp(stub.url, dial_timeout=0.5) as http:
        with pytest.raises(Ambiguous) as caught:
            await create(http)
        assert [seen.method for seen in stub.requests] == ["POST"]
        assert stub.connections == 1
    assert_tells_no_secret(caught.value)


REJECTED: dict[str, tuple[Behaviour, int, int]] = {
    "400 JSON": (answers(400, error_body(21211)), 21211, 400),
    "400 HTML": (answers(400, HTML), 400, 400),
    "400 code as text": (answers(400, json.dumps({"code": "21210"})), 21210, 400),
    "400 new kind of code": (answers(400, error_body(573002)), 573002, 400),
    "400 JSON list": (answers(400, "[1]"), 400, 400),
    "401": (answers(401, error_body(20003)), 20003, 401),
    "403": (answers(403, error_body(20403)), 20403, 403),
    "404": (answers(404, error_body(20404)), 20404, 404),
    "405": (answers(405, ""), 405, 405),
    "429 JSON": (answers(429, error_body(20429)), 20429, 429),
    "429 HTML": (answers(429, HTML), 429, 429),
    "429 with a server's code": (answers(429, error_body(20500)), 20500, 429),
    "429 in RFC 9457": (
        answers(429, json.dumps({"type": "x", "title": "Too many", "status": 429, "code": 20429})),
        20429,
        429,
    ),
    "503 queue full": (answers(503, error_body(22005)), 22005, 503),
    "302": (answers(302, "", "Location: /2010-04-01/elsewhere"), 302, 302),
    "307": (answers(307, "", "Location: /2010-04-01/elsewhere"), 307, 307),
}


@pytest.mark.parametrize("shape", REJECTED)
async def test_a_refusal_carries_its_code_and_is_never_sent_again(shape: str) -> None:
    behaviour, code, status = REJECTED[shape]
    async with Stub(behaviour) as stub, ProviderHttp(stub.url) as http:
        with pytest.raises(CreateRejected) as caught:
            await create(http)
        assert len(stub.requests) == 1
    assert (caught.value.code, caught.value.status) == (code, status)
    assert_tells_no_secret(caught.value)


@pytest.mark.parametrize(("header", "least", "most"), [("7", 7, 7), ("Fri, 31 Dec 1999 23:59:59 GMT", 0, 0)])
async def test_a_throttled_create_says_when_to_come_back(header: str, least: float, most: float) -> None:
    behaviour = answers(429, error_body(20429), f"Retry-After: {header}")
    async with Stub(behaviour) as stub, ProviderHttp(stub.url) as http:
        with pytest.raises(CreateRejected) as caught:
            await create(http)
    assert caught.value.retry_after is not None
    assert least <= caught.value.retry_after <= most


async def test_an_error_message_holds_no_number_no_url_and_no_secret() -> None:
    message = f"Account not authorized to call {TO} ({TO[1:]}), see https://x.example/?To={TO}, token {TOKEN}"
    behaviour = answers(400, error_body(21215, message), "Twilio-Request-Id: RQ77")
    async with Stub(behaviour) as stub, ProviderHttp(stub.url) as http:
        with pytest.raises(CreateRejected) as caught:
            await create(http)
    assert_tells_no_secret(caught.value)
    assert "not authorized" in str(caught.value)
    assert "RQ77" in str(caught.value)


async def test_a_refused_connection_is_not_sent() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        async with ProviderHttp(f"http://127.0.0.1:{taken.getsockname()[1]}") as http:
            with pytest.raises(NotSent):
                await create(http)


async def test_a_name_that_does_not_resolve_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    async with ProviderHttp("http://api.twilio.invalid") as http:
        with pytest.raises(NotSent):
            await create(http)


async def test_a_server_that_does_not_speak_tls_is_not_sent() -> None:
    async with Stub(hangs) as stub, ProviderHttp(f"https://127.0.0.1:{stub.port}", connect_timeout=0.5) as http:
        with pytest.raises(NotSent):
            await create(http)
        assert stub.requests == []


async def test_a_certificate_that_nobody_vouches_for_is_not_sent(tmp_path: Path) -> None:
    server, _ = certificate(tmp_path)
    async with Stub(answers(201, ACCEPTED), tls=server) as stub, ProviderHttp(stub.url) as http:
        with pytest.raises(NotSent):
            await create(http)
        assert stub.received == 0


async def test_a_create_over_tls_is_accepted_on_a_kept_connection(tmp_path: Path) -> None:
    server, client = certificate(tmp_path)
    async with Stub(answers(201, ACCEPTED), tls=server) as stub, ProviderHttp(stub.url, tls=client) as http:
        assert [(await create(http)).call_sid for _ in range(3)] == [SID] * 3
        assert {seen.connection for seen in stub.requests} == {1}


@pytest.mark.parametrize("end", [closes, resets])
async def test_a_kept_connection_that_dies_under_a_create_is_ambiguous_and_not_tried_again(
    end: Behaviour,
) -> None:
    """aiohttp raises the same error for a connection that was dead all along; nobody can tell them apart."""
    async with Stub(in_turn(answers(201, ACCEPTED), end)) as stub, ProviderHttp(stub.url) as http:
        await create(http)
        with pytest.raises(Ambiguous):
            await create(http)
        assert [seen.connection for seen in stub.requests] == [1, 1]
        assert stub.connections == 1


async def test_nothing_is_written_to_a_kept_connection_that_is_known_to_be_closed() -> None:
    """Either its closing is noticed before the create, or at the gate; never after bytes left."""

    async def answer_and_close(_stub: Stub, _seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 201 OK\r\nContent-Length: {len(ACCEPTED)}\r\n\r\n{ACCEPTED}".encode())
        writer.close()

    async with Stub(answer_and_close) as stub, ProviderHttp(stub.url) as http:
        await create(http)
        await stub.until(lambda: len(stub.endings) == 1)
        try:
            await create(http)
        except NotSent:
            await create(http)
        assert [seen.connection for seen in stub.requests] == [1, 2]


async def test_the_environment_changes_neither_host_nor_way(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "TWILIO_EDGE": "dublin",
        "TWILIO_REGION": "ie1",
        "HTTP_PROXY": "http://127.0.0.1:1",
        "http_proxy": "http://127.0.0.1:1",
    }.items():
        monkeypatch.setenv(name, value)
    async with Stub(answers(201, ACCEPTED)) as stub, ProviderHttp(stub.url) as http:
        assert (await create(http)).call_sid == SID


async def test_clients_of_many_accounts_share_the_session_and_nothing_else() -> None:
    answer = answers(201, ACCEPTED, "Set-Cookie: whose=first")
    async with Stub(answer) as stub, ProviderHttp(stub.url) as http:
        for sid in ("ACfirst", "ACsecond"):
            credentials = type(CREDENTIALS)(sid, CREDENTIALS.auth_token)
            await create_call(http, credentials, REQUEST, send_before=boottime.now() + 30)
        assert [seen.connection for seen in stub.requests] == [1, 1]
        assert [seen.target.split("/")[3] for seen in stub.requests] == ["ACfirst", "ACsecond"]
        assert len({seen.headers["authorization"] for seen in stub.requests}) == 2
        assert not any("cookie" in seen.headers for seen in stub.requests)


async def test_a_hundred_creates_at_once_are_a_hundred_posts() -> None:
    async with Stub(answers(201, ACCEPTED)) as stub, ProviderHttp(stub.url) as http:
        await asyncio.gather(*(create(http) for _ in range(100)))
        assert len(stub.requests) == 100


async def test_answers_to_creates_at_once_go_to_those_who_asked() -> None:
    """An account's creates share one client of the SDK; with another's sid a call would be another lead's for ever."""
    count, waiting = 20, list[tuple[str, asyncio.StreamWriter]]()

    async def answer_all_the_last_first(stub: Stub, seen: Seen, writer: asyncio.StreamWriter) -> None:
        waiting.append((dict(seen.form)["To"].removeprefix("+"), writer))
        if len(waiting) == count:
            for number, to in reversed(waiting):
                accepted = int(number) % 3 > 0
                body = json.dumps({"sid": f"CA{number:0>32}"}) if accepted else error_body(21211, f"not {number}")
                await answers(201 if accepted else 400, body)(stub, seen, to)

    async def ask(http: ProviderHttp, number: int) -> str:
        credentials = replace(CREDENTIALS, account_sid=f"AC{number % 2:0>32}")
        request = replace(REQUEST, to=f"+{number}")
        try:
            return (await create_call(http, credentials, request, send_before=boottime.now() + 60)).call_sid
        except CreateRejected as error:
            return f"{error.code}"

    async with Stub(answer_all_the_last_first) as stub, ProviderHttp(stub.url, dial_timeout=60) as http:
        told = await asyncio.gather(*(ask(http, number) for number in range(1, count + 1)))
    assert told == [f"CA{number:0>32}" if number % 3 else "21211" for number in range(1, count + 1)]


async def test_no_request_warns_of_a_deprecation() -> None:
    async with Stub(answers(201, ACCEPTED)) as stub, ProviderHttp(stub.url) as http:
        with warnings.catch_warnings(record=True) as heard:
            warnings.simplefilter("always")
            await create(http)
    assert heard == []


async def test_no_secret_and_no_number_is_logged_or_shown(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(0)
    async with Stub(in_turn(answers(201, ACCEPTED), closes)) as stub, ProviderHttp(stub.url) as http:
        shown = [repr(await create(http)), repr(REQUEST), repr(CREDENTIALS), str(CREDENTIALS), repr(http)]
        with pytest.raises(Ambiguous):
            await create(http)
    said = "".join((*shown, caplog.text, *capsys.readouterr()))
    for hidden in (TOKEN, TO, TO[1:], FROM, "t-1"):
        assert hidden not in said


def assert_tells_no_secret(error: CreateFailed) -> None:
    said = f"{error} {error!r} {error.__dict__}"
    for hidden in (TOKEN, TO, TO[1:], FROM[1:], "://"):
        assert hidden not in said
    assert error.__suppress_context__ or error.__context__ is None
