"""Webhooks: what is sent, signed how, retried when; and what TwiML does to a call."""

import asyncio
from typing import Any

import pytest
from aiohttp import web
from twilio.request_validator import RequestValidator

from tests.integration.simulator.conftest import Simulate
from tests.integration.simulator.rig import TO, TOKEN, Client, Received, Webhooks, eventually, until

RETRY_PAUSE = 0.25 / 20
BUSY = {"outcome": "busy", "ring_seconds": 1}


def answering(*statuses: int) -> Any:
    """Answers these statuses in turn, the last one for ever."""
    left = list(statuses)

    async def answer(_received: Received) -> web.Response:
        return web.Response(status=left.pop(0) if len(left) > 1 else left[0])

    return answer


async def test_an_answered_call_tells_its_four_events_in_sequence(client: Client, webhooks: Webhooks) -> None:
    await client.create(webhooks.form())
    await client.ended()
    await until(lambda: len(webhooks.statuses()) == 4)
    sent = sorted(
        (int(one.fields["SequenceNumber"]), one.fields["CallStatus"])
        for one in webhooks.received
        if one.path.startswith("/status")
    )
    assert sent == [(0, "initiated"), (1, "ringing"), (2, "in-progress"), (3, "completed")]


@pytest.mark.parametrize(("outcome", "status", "sip"), [("busy", "busy", "486"), ("no_answer", "no-answer", "487")])
async def test_an_unanswered_call_ends_with_its_outcome(
    client: Client, webhooks: Webhooks, outcome: str, status: str, sip: str
) -> None:
    await client.rule("outcome", params={"outcome": outcome})
    await client.create(webhooks.form(Timeout="5"))
    (entry,) = await client.ended()
    await until(lambda: status in webhooks.statuses())
    assert (entry["outcome"], entry["duration"], entry["voice"]) == (status, None, [])
    last = next(one for one in webhooks.received if one.fields["CallStatus"] == status)
    assert (last.fields["SipResponseCode"], last.fields["CallDuration"]) == (sip, "0")
    assert last.fields["SequenceNumber"] == "2"


async def test_the_sdks_validator_accepts_every_webhook(client: Client, webhooks: Webhooks) -> None:
    form = webhooks.form(StatusCallback=f"{webhooks.url}/status/t?a=1&b=#rc=5&rp=all")
    await client.create(form)
    await client.ended()
    await until(lambda: len(webhooks.received) == 5)
    for one in webhooks.received:
        assert "#" not in one.url
        assert "" in one.fields.values()
        assert one.headers["I-Twilio-Idempotency-Token"]
        signature = one.headers["X-Twilio-Signature"]
        assert RequestValidator(TOKEN).validate(one.url, one.fields, signature)
        assert not RequestValidator("another").validate(one.url, one.fields, signature)


async def test_a_get_callback_carries_its_fields_in_the_signed_url(client: Client, webhooks: Webhooks) -> None:
    await client.create(webhooks.form(StatusCallbackMethod="GET", StatusCallbackEvent="completed"))
    await client.ended()
    await until(lambda: webhooks.statuses())
    got = next(one for one in webhooks.received if one.path == "/status/t")
    assert got.method == "GET"
    assert RequestValidator(TOKEN).validate(got.url, {}, got.headers["X-Twilio-Signature"])


async def test_only_completed_is_told_unless_more_is_asked_for(client: Client, webhooks: Webhooks) -> None:
    form = webhooks.form()
    del form["StatusCallbackEvent"]
    await client.create(form)
    (entry,) = await client.ended()
    await until(lambda: webhooks.statuses() == ["completed"])
    assert entry["token"] == "t"


@pytest.mark.parametrize(
    ("fragment", "attempts"),
    [("", 1), ("#rp=5xx", 2), ("#rc=3&rp=all", 4), ("#rc=3&rp=4xx", 1), ("#rc=0&rp=all", 1)],
)
async def test_errors_are_retried_as_the_fragment_asks(
    client: Client, webhooks: Webhooks, fragment: str, attempts: int
) -> None:
    await client.rule("outcome", params=BUSY)
    webhooks.answer = answering(503)
    url = f"{webhooks.url}/status/t{fragment}"
    await client.create(webhooks.form(StatusCallback=url, StatusCallbackEvent="completed"))
    await client.ended()

    async def made() -> list[dict[str, Any]] | None:
        found: list[dict[str, Any]] = (await client.entries())[0]["callbacks"]
        return found if len(found) >= attempts else None

    await eventually(made)
    # Long enough for many more attempts, if there were to be any.
    await asyncio.sleep(10 * RETRY_PAUSE)
    assert [(one["attempt"], one["http_status"]) for one in (await eventually(made))] == [
        (attempt, 503) for attempt in range(1, attempts + 1)
    ]
    assert len({one.headers["I-Twilio-Idempotency-Token"] for one in webhooks.received}) == 1


async def test_a_refused_connection_is_retried_once_by_default(client: Client, webhooks: Webhooks) -> None:
    await client.rule("outcome", params=BUSY)
    form = webhooks.form(StatusCallback="http://127.0.0.1:1/status/t", StatusCallbackEvent="completed")
    await client.create(form)

    async def attempts() -> list[dict[str, Any]] | None:
        found: list[dict[str, Any]] = (await client.entries())[0]["callbacks"]
        return found if len(found) == 2 else None

    assert [one["error"] for one in await eventually(attempts)] == ["ConnectFailed"] * 2


async def test_a_slow_webhook_is_given_up_after_the_read_limit(client: Client, webhooks: Webhooks) -> None:
    async def slow(_received: Received) -> web.Response:
        await asyncio.sleep(60)
        return web.Response()

    webhooks.answer = slow
    await client.rule("outcome", params=BUSY)
    url = f"{webhooks.url}/status/t#rt=100&rp=rt&rc=1"
    await client.create(webhooks.form(StatusCallback=url, StatusCallbackEvent="completed"))
    await until(lambda: len(webhooks.received) == 2)


async def test_a_redirected_callback_arrives_as_a_get_without_fields(client: Client, webhooks: Webhooks) -> None:
    async def redirect(received: Received) -> web.Response:
        if received.path == "/status/t":
            return web.Response(status=302, headers={"Location": "/moved"})
        return web.Response(status=204)

    webhooks.answer = redirect
    await client.rule("outcome", params=BUSY)
    await client.create(webhooks.form(StatusCallbackEvent="completed"))
    await until(lambda: len(webhooks.received) == 2)
    moved = webhooks.received[1]
    assert (moved.method, moved.path, moved.fields) == ("GET", "/moved", {})


async def test_the_document_is_fetched_at_the_answer_and_kept(client: Client, webhooks: Webhooks) -> None:
    await client.create(webhooks.form())
    (entry,) = await client.ended()
    (fetch,) = entry["voice"]
    assert fetch["document"] == "<Response><Say>hello</Say></Response>"
    assert fetch["mono"] >= entry["states"]["in-progress"]["mono"]
    voice = next(one for one in webhooks.received if one.path == "/voice/t")
    assert (voice.fields["CallStatus"], "SequenceNumber" in voice.fields) == ("in-progress", False)


TALKS = {"outcome": "answered", "ring_seconds": 1, "talk_seconds": 100_000}


async def test_a_hangup_first_ends_the_call_at_once(client: Client, webhooks: Webhooks) -> None:
    async def hang_up(received: Received) -> web.Response:
        return web.Response(text="<Response><Hangup/></Response>")

    webhooks.answer = hang_up
    await client.rule("outcome", params=TALKS)
    await client.create(webhooks.form())
    (entry,) = await client.ended()
    assert (entry["outcome"], entry["voice"][0]["http_status"]) == ("completed", 200)


async def test_redirects_are_followed_to_the_last_document(client: Client, webhooks: Webhooks) -> None:
    documents = {
        "/voice/t": "<Response><Redirect>/voice/two</Redirect></Response>",
        "/voice/two": '<Response><Redirect method="GET">three</Redirect></Response>',
        "/voice/three": "<Response><Hangup/></Response>",
    }

    async def answer(received: Received) -> web.Response:
        return web.Response(text=documents.get(received.path, ""))

    webhooks.answer = answer
    await client.rule("outcome", params=TALKS)
    await client.create(webhooks.form())
    (entry,) = await client.ended()
    assert [one["document"] for one in entry["voice"]] == list(documents.values())
    last = next(one for one in webhooks.received if one.path == "/voice/three")
    assert RequestValidator(TOKEN).validate(last.url, {}, last.headers["X-Twilio-Signature"])


async def test_a_document_that_cannot_be_had_falls_back_or_ends_the_call(client: Client, webhooks: Webhooks) -> None:
    async def answer(received: Received) -> web.Response:
        good = received.path == "/fallback"
        return web.Response(status=200 if good else 500, text="<Response><Hangup/></Response>")

    webhooks.answer = answer
    await client.rule("outcome", params=TALKS)
    await client.create(webhooks.form("a", FallbackUrl=f"{webhooks.url}/fallback"))
    await client.create(webhooks.form("b"))
    await client.ended(2)
    told = next(one for one in webhooks.received if one.path == "/fallback").fields
    assert (told["ErrorCode"], told["ErrorUrl"]) == ("11200", f"{webhooks.url}/voice/a")


async def test_a_redirect_to_another_machine_is_refused(client: Client, webhooks: Webhooks) -> None:
    await client.rule("outcome", params=TALKS)
    document = "<Response><Redirect>https://example.com/x</Redirect></Response>"
    form = webhooks.form(Twiml=document)
    del form["Url"]
    await client.create(form)
    (entry,) = await client.ended()
    assert entry["voice"][0]["error"].startswith("refused")


async def test_the_time_limit_ends_a_long_talk(client: Client, webhooks: Webhooks) -> None:
    await client.rule("outcome", params=TALKS)
    await client.create(webhooks.form(TimeLimit="2"))
    (entry,) = await client.ended()
    assert (entry["outcome"], 2 <= entry["duration"] <= 30) == ("completed", True)


async def test_a_machine_is_told_with_the_end_and_to_the_document(simulate: Simulate, webhooks: Webhooks) -> None:
    async with simulate(timings={"detection": (0.1, 0.2), "talk": (20, 30)}) as client:
        await client.rule("outcome", params={"outcome": "machine", "ring_seconds": 1})
        form = webhooks.form(MachineDetection="Enable", StatusCallbackEvent="completed")
        await client.create(form)
        await client.ended()
        await until(lambda: len(webhooks.received) == 2)
        assert {one.fields["AnsweredBy"] for one in webhooks.received} == {"machine_start"}


async def test_an_asynchronous_verdict_has_its_own_callback(simulate: Simulate, webhooks: Webhooks) -> None:
    async with simulate(timings={"detection": (0.1, 0.2), "talk": (20, 30)}) as client:
        await client.create(
            webhooks.form(MachineDetection="Enable", AsyncAmd="true", AsyncAmdStatusCallback=f"{webhooks.url}/amd")
        )
        await until(lambda: [one for one in webhooks.received if one.path == "/amd"])
        verdict = next(one for one in webhooks.received if one.path == "/amd")
        assert verdict.fields["AnsweredBy"] == "human"
        assert RequestValidator(TOKEN).validate(verdict.url, verdict.fields, verdict.headers["X-Twilio-Signature"])


async def test_the_same_seed_gives_the_same_fates(simulate: Simulate, webhooks: Webhooks) -> None:
    fates = []
    for _ in range(2):
        async with simulate(outcomes={}, seed=7) as client:
            for n in range(20):
                await client.create(webhooks.form(To=f"{TO[:-2]}{n:02d}"))
            fates.append([entry["plan"] for entry in await client.entries()])
    assert fates[0] == fates[1]
    assert len({plan["outcome"] for plan in fates[0]}) > 1
