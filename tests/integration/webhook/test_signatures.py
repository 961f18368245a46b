"""Only what the account that owns the call has signed is taken; a stranger learns nothing."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Sequence
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from shared import metrics
from shared.queries import callbacks
from shared.sealing import Sealer
from tests.integration.campaigns import new_sid
from tests.integration.webhook.desk import PREVIOUS, SECRETS_KEY, TOKEN, Desk, Pairs, Provider, open_desk, signature

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def counted(event: str, result: str) -> float:
    return metrics.REGISTRY.get_sample_value("ringfence_webhooks_total", {"event": event, "result": result}) or 0


def crossings(kind: str) -> float:
    return metrics.REGISTRY.get_sample_value("ringfence_security_events_total", {"kind": kind}) or 0


async def events(desk: Desk) -> int:
    return len(await desk.campaigns.rows("SELECT 1 FROM call_events"))


@pytest.mark.parametrize(
    "extra",
    [
        [("FromCity", ""), ("FromState", ""), ("CallerZip", "")],
        [("Digits", "2"), ("Digits", "1"), ("Digits", "2")],
        [("CallerName", "דנה כהן"), ("שדה", "ערך")],
        [("CallerName", "a+b c%20d&e=f;g"), ("Called", "+972501234567")],
        [("NewField", "some\nlines\tand a nul\0"), ("", "no name")],
        [("Emoji", "☎️🤖"), ("x" * 200, "y" * 5000)],
    ],
    ids=["empty", "repeated", "hebrew", "escapes", "controls", "long"],
)
async def test_fields_are_signed_and_kept_as_they_were_sent(desk: Desk, extra: list[tuple[str, str]]) -> None:
    call = await desk.call()
    pairs = [*desk.provider.fields(new_sid(), "ringing", 1), *extra]

    answer = await desk.provider.send("status", call["dial_token"], pairs)

    assert (answer.status_code, answer.content) == (204, b"")
    assert (await desk.campaigns.call(call))["state"] == "ringing"
    assert await events(desk) == 1


async def test_a_repeated_field_is_kept_whole(desk: Desk) -> None:
    call = await desk.call()
    pairs = [*desk.provider.fields(new_sid(), "ringing"), ("Digits", "2"), ("Digits", ""), ("Digits", "3")]
    await desk.provider.send("status", call["dial_token"], pairs)
    kept = await desk.campaigns.rows("SELECT fields -> 'Digits' AS digits, fields ->> 'ToZip' AS zip FROM call_events")
    assert [tuple(row) for row in kept] == [('["2", "", "3"]', "")]


@pytest.mark.parametrize("query", ["?a=1&b=2", "?b=2&a=1&a=", "?x=%2Fy%20z"])
async def test_the_query_is_signed_as_it_was_sent(desk: Desk, query: str) -> None:
    call = await desk.call()
    pairs = desk.provider.fields(new_sid(), "ringing")
    assert (await desk.provider.send("status", call["dial_token"], pairs, query)).status_code == 204

    path = f"/webhooks/twilio/status/{call['dial_token']}"
    signed = signature(TOKEN, desk.provider.public_url + path, pairs)
    unsigned_query = await desk.provider.post(path + query, urlencode(pairs), {"X-Twilio-Signature": signed})
    assert unsigned_query.status_code == 403


@pytest.mark.parametrize(
    ("configured", "signed_over"),
    [
        ("https://calls.example.com", "https://calls.example.com"),
        ("https://calls.example.com", "https://calls.example.com:443"),
        ("https://calls.example.com:8443", "https://calls.example.com:8443"),
        ("https://calls.example.com:8443", "https://calls.example.com"),
        ("http://127.0.0.1:8001/behind/a/proxy", "http://127.0.0.1:8001/behind/a/proxy"),
    ],
)
async def test_the_configured_public_url_is_what_counts(database_url: str, configured: str, signed_over: str) -> None:
    async with open_desk(database_url, webhook_public_url=configured) as desk:
        call = await desk.call()
        desk.provider.public_url = signed_over
        assert (await desk.provider.status(call, "ringing", new_sid())).status_code == 204


async def test_a_header_does_not_choose_the_host(desk: Desk) -> None:
    call = await desk.call()
    pairs = desk.provider.fields(new_sid(), "ringing")
    path = f"/webhooks/twilio/status/{call['dial_token']}"
    headers = {
        "Host": "evil.example",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "https",
        "X-Twilio-Signature": signature(TOKEN, f"https://evil.example{path}", pairs),
    }
    assert (await desk.provider.post(path, urlencode(pairs), headers)).status_code == 403


async def test_the_previous_token_is_taken_during_a_rotation(desk: Desk) -> None:
    call = await desk.call()
    desk.provider.token = PREVIOUS
    assert (await desk.provider.status(call, "ringing", new_sid())).status_code == 204


@pytest.mark.parametrize("token", ["wrong", "", "TOKEN"])
async def test_a_bad_signature_is_refused_logged_and_counted(desk: Desk, token: str) -> None:
    call = await desk.call()
    desk.provider.token = token
    before = counted("ringing", "bad_signature"), crossings("bad_signature")

    with capture_logs() as lines:
        answer = await desk.provider.status(call, "ringing", new_sid())

    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert counted("ringing", "bad_signature") == before[0] + 1
    assert crossings("bad_signature") == before[1] + 1
    line = next(line for line in lines if line["event"] == "SECURITY")
    assert (line["kind"], line["call_id"], line["business_id"]) == (
        "bad_signature",
        call["call_id"],
        call["business_id"],
    )
    assert str(call["dial_token"]) not in str(lines)
    assert (await desk.campaigns.call(call))["state"] == "dialing"
    assert await events(desk) == 0


async def test_a_missing_signature_and_changed_fields_are_refused(desk: Desk) -> None:
    call = await desk.call()
    path = f"/webhooks/twilio/status/{call['dial_token']}"
    pairs = desk.provider.fields(new_sid(), "ringing")
    signed = {"X-Twilio-Signature": signature(TOKEN, desk.provider.public_url + path, pairs)}
    for changed, headers in (
        (pairs, {}),
        (pairs, {"X-Twilio-Signature": ""}),
        (pairs, {"X-Twilio-Signature": "not base64 \u00e9"}),
        ([*pairs, ("More", "")], signed),
        ([pair for pair in pairs if pair[1]], signed),
        ([(name, "completed" if name == "CallStatus" else value) for name, value in pairs], signed),
    ):
        raw = {name.encode(): value.encode("latin-1") for name, value in (FORM | headers).items()}
        answer = await desk.provider.client.post(path, content=urlencode(changed), headers=raw)
        assert answer.status_code == 403
    assert await events(desk) == 0


async def own_account(desk: Desk, secret: str) -> tuple[int, Provider]:
    """A business with an account of its own, and that account's provider."""
    sid = new_sid("AC")
    sealed = Sealer(SecretStr(SECRETS_KEY)).seal(SecretStr(secret), sid)
    business = await desk.campaigns.business(account=await desk.campaigns.account(sid), sealed=sealed)
    return business, Provider(desk.provider.client, sid, secret)


async def test_a_business_of_its_own_account_is_heard_with_that_accounts_token_alone(desk: Desk) -> None:
    business, own = await own_account(desk, "the-business-own-token")
    await desk.campaigns.run(business, 2)
    first, second = await desk.campaigns.claim_so_many(business, 2)

    assert (await own.status(first, "ringing", new_sid())).status_code == 204
    own.token = TOKEN
    assert (await own.status(second, "ringing", new_sid())).status_code == 403
    shared = await desk.call()
    own.token = "the-business-own-token"
    assert (await own.status(shared, "ringing", new_sid())).status_code == 403


async def test_a_new_token_of_a_business_counts_at_once(desk: Desk) -> None:
    business, own = await own_account(desk, "the-first-token")
    await desk.campaigns.run(business, 1)
    (call,) = await desk.campaigns.claim(business)
    assert (await own.status(call, "initiated", new_sid())).status_code == 204

    sealed = Sealer(SecretStr(SECRETS_KEY)).seal(SecretStr("the-second-token"), own.account_sid)
    await desk.campaigns.rows("UPDATE businesses SET auth_token_sealed = $2 WHERE id = $1", business, sealed)

    assert (await own.status(call, "ringing", new_sid())).status_code == 403
    own.token = "the-second-token"
    sid = (await desk.campaigns.call(call))["call_sid"]
    assert (await own.status(call, "ringing", sid)).status_code == 204


async def test_a_signature_of_one_account_vouches_for_no_call_of_another(desk: Desk) -> None:
    """When this breaks whoever holds one account's token ends everybody's calls."""
    business, own = await own_account(desk, "the-business-own-token")
    await desk.campaigns.run(business, 2)
    first, second = await desk.campaigns.claim_so_many(business, 2)
    assert (await own.status(first, "ringing", new_sid())).status_code == 204
    shared, recorded = await desk.call(), await events(desk)

    assert (await desk.provider.status(second, "completed", new_sid())).status_code == 403
    assert (await own.status(shared, "completed", new_sid())).status_code == 403

    assert await events(desk) == recorded
    assert [(await desk.campaigns.call(call))["state"] for call in (second, shared)] == ["dialing", "dialing"]


async def test_a_signed_callback_is_recorded_without_a_search_for_its_token(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    searches = 0
    real = callbacks.find_calls

    async def counted_search(*arguments: Any) -> Any:
        nonlocal searches
        searches += 1
        return await real(*arguments)

    monkeypatch.setattr(callbacks, "find_calls", counted_search)
    business, own = await own_account(desk, "the-business-own-token")
    await desk.campaigns.run(business, 1)
    (call,) = await desk.campaigns.claim(business)
    assert (await desk.provider.status(await desk.call(), "ringing", new_sid())).status_code == 204
    assert searches == 0
    sid = new_sid()
    for status in ("ringing", "in-progress", "completed"):
        assert (await own.status(call, status, sid)).status_code == 204
    assert searches == 1  # the first of an account of one's own


async def test_a_token_that_cannot_be_opened_asks_for_the_callback_again(database_url: str) -> None:
    async with open_desk(database_url, secrets_key=None) as desk:
        business, own = await own_account(desk, "the-business-own-token")
        await desk.campaigns.run(business, 1)
        (call,) = await desk.campaigns.claim(business)
        answer = await own.status(call, "ringing", new_sid())
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")


async def test_a_callback_that_names_another_account_is_refused_with_both_words(desk: Desk) -> None:
    call, said = await desk.call(), new_sid("AC")
    owner, desk.provider.account_sid = desk.provider.account_sid, said
    before = crossings("wrong_account")

    with capture_logs() as lines:
        answer = await desk.provider.status(call, "completed", new_sid())

    assert answer.status_code == 403
    assert crossings("wrong_account") == before + 1
    line = next(line for line in lines if line["event"] == "SECURITY")
    assert (line["account_sid"], line["said_account_sid"], line["call_id"]) == (owner, said, call["call_id"])
    assert (await desk.campaigns.call(call))["ended_at"] is None


async def test_a_token_never_given_out_is_404_to_the_provider_and_403_to_anybody_else(desk: Desk) -> None:
    before = metrics.REGISTRY.get_sample_value("ringfence_orphan_callbacks_total")
    sid = new_sid()
    for token in (uuid.uuid4(), "no-uuid", "A" * 36, quote("ב" * 5)):
        pairs = desk.provider.fields(sid, "in-progress", To="+972501234567")
        with capture_logs() as lines:
            answer = await desk.provider.send("status", token, pairs)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
        line = next(line for line in lines if line["event"] == "ORPHAN_CALLBACK")
        assert line["call_sid"] == sid
        stranger = Provider(desk.provider.client, desk.provider.account_sid, "wrong")
        assert (await stranger.send("status", token, pairs)).status_code == 403
    assert before is not None
    assert metrics.REGISTRY.get_sample_value("ringfence_orphan_callbacks_total") == before + 4
    assert await events(desk) == 0


@pytest.mark.parametrize(
    "pairs",
    [
        [("CallStatus", "ringing")],
        [("CallSid", ""), ("CallStatus", "ringing")],
        [("CallSid", "CA00000000000000000000000000000001")],
        [("CallSid", "CA00000000000000000000000000000001"), ("CallStatus", "exploded")],
        [("CallSid", "not a sid"), ("CallStatus", "ringing")],
    ],
)
async def test_a_signed_callback_without_sid_or_status_is_400(desk: Desk, pairs: Pairs) -> None:
    call = await desk.call()
    answer = await desk.provider.send("status", call["dial_token"], pairs)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert (await desk.campaigns.call(call))["state"] == "dialing"


@pytest.mark.parametrize("sequence", ["", "-1", "2147483648", "99999999999999999999", "one"])
async def test_a_sequence_number_that_makes_no_sense_is_left_out(desk: Desk, sequence: str) -> None:
    call = await desk.call()
    assert (await desk.provider.status(call, "busy", new_sid(), SequenceNumber=sequence)).status_code == 204
    assert (await desk.campaigns.call(call))["outcome"] == "busy"


async def test_what_is_no_form_is_refused_before_it_is_looked_at(desk: Desk) -> None:
    call = await desk.call()
    path = f"/webhooks/twilio/status/{call['dial_token']}"
    client = desk.provider.client
    kinds: Sequence[str | None] = ("application/json", "multipart/form-data; boundary=x", "text/plain", None)
    for kind in kinds:
        headers = {} if kind is None else {"Content-Type": kind}
        assert (await client.post(path, content=b"{}", headers=headers)).status_code == 415
    for size in (65_537, 1_000_000):
        assert (await client.post(path, content=b"a" * size, headers=FORM)).status_code == 413
    assert (await client.post(path, content=b"a=b&" * 501, headers=FORM)).status_code == 400
    for method in ("GET", "PUT", "DELETE", "HEAD"):
        assert (await client.request(method, path)).status_code == 405
    assert (await client.post(path + "/", content=b"", headers=FORM)).status_code == 404


async def test_a_body_without_a_length_is_cut_off_at_the_limit(desk: Desk) -> None:
    taken = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        while taken < 10_000_000:
            taken += 1000
            yield b"a" * 1000

    path = f"/webhooks/twilio/status/{uuid.uuid4()}"
    answer = await desk.provider.client.post(path, content=endless(), headers=FORM)
    assert answer.status_code == 413
    assert taken < 100_000
