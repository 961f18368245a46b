"""Each way in which callbacks go wrong."""

import time
from typing import Any

import pytest
from twilio.request_validator import RequestValidator

from tests.integration.simulator.conftest import Simulate
from tests.integration.simulator.rig import (
    OTHER_SID,
    TOKEN,
    Client,
    Received,
    Webhooks,
    eventually,
    until,
)


def valid(one: Received, token: str = TOKEN) -> bool:
    signature = one.headers["X-Twilio-Signature"]
    return bool(RequestValidator(token).validate(one.url, one.fields, signature))


def callbacks(webhooks: Webhooks) -> list[Received]:
    return [one for one in webhooks.received if one.path.startswith("/status")]


@pytest.mark.parametrize(("event", "status"), [("initiated", "initiated"), ("completed", "completed")])
async def test_a_callback_comes_before_the_create_answer(
    client: Client, webhooks: Webhooks, event: str, status: str
) -> None:
    await client.rule("callback_first", params={"event": event})
    await client.create(webhooks.form())
    assert status in webhooks.statuses()


async def test_waiting_for_a_first_callback_ends_with_a_call_that_sends_none(
    client: Client, webhooks: Webhooks
) -> None:
    await client.rule("callback_first", params={"event": "answered"})
    await client.rule("outcome", params={"outcome": "busy"})
    assert (await client.create(webhooks.form(StatusCallbackEvent="answered")))[0] == 201
    assert callbacks(webhooks) == []


@pytest.mark.parametrize("concurrent", [False, True])
@pytest.mark.parametrize("new_token", [False, True])
async def test_every_event_comes_twice(client: Client, webhooks: Webhooks, concurrent: bool, new_token: bool) -> None:
    params = {"concurrent": concurrent, "new_token": new_token}
    await client.rule("callback_duplicate", params=params)
    await client.create(webhooks.form(StatusCallbackEvent="completed"))
    await until(lambda: len(callbacks(webhooks)) == 2)
    first, second = callbacks(webhooks)
    assert first.fields == second.fields
    assert valid(first)
    tokens = {one.headers["I-Twilio-Idempotency-Token"] for one in (first, second)}
    assert len(tokens) == (2 if new_token else 1)


async def test_chosen_events_are_lost_and_the_ledger_says_so(client: Client, webhooks: Webhooks) -> None:
    await client.rule("callback_lost", params={"events": ["completed"]})
    await client.create(webhooks.form())
    (entry,) = await client.ended()
    await until(lambda: len(callbacks(webhooks)) == 3)
    assert "completed" not in webhooks.statuses()
    lost = [one for one in entry["callbacks"] if one["error"] == "lost"]
    assert [(one["event"], one["attempt"]) for one in lost] == [("completed", 0)]


async def test_all_events_are_lost(client: Client, webhooks: Webhooks) -> None:
    await client.rule("callback_lost")
    await client.create(webhooks.form())
    (entry,) = await client.ended()
    assert [one["error"] for one in entry["callbacks"]] == ["lost"] * 4
    assert callbacks(webhooks) == []


async def test_events_come_in_a_given_order(client: Client, webhooks: Webhooks) -> None:
    order = ["completed", "answered", "initiated", "ringing"]
    await client.rule("callback_reorder", params={"order": order})
    await client.create(webhooks.form())
    await until(lambda: len(callbacks(webhooks)) == 4)
    assert webhooks.statuses() == ["completed", "in-progress", "initiated", "ringing"]


async def test_held_events_come_even_when_the_end_is_not_asked_for(client: Client, webhooks: Webhooks) -> None:
    await client.rule("callback_reorder", params={"order": ["answered", "initiated"]})
    await client.create(webhooks.form(StatusCallbackEvent=["initiated", "answered"]))
    await until(lambda: webhooks.statuses() == ["in-progress", "initiated"])


async def test_events_are_shuffled(client: Client, webhooks: Webhooks) -> None:
    await client.rule("callback_reorder")
    await client.create(webhooks.form())
    await until(lambda: len(callbacks(webhooks)) == 4)
    assert webhooks.statuses() != ["initiated", "ringing", "in-progress", "completed"]


async def test_a_delayed_callback_waits_its_time_or_for_the_flush(client: Client, webhooks: Webhooks) -> None:
    await client.rule("callback_delay", params={"events": ["completed"], "seconds": 0.4})
    await client.create(webhooks.form("short", StatusCallbackEvent="completed"))
    (entry,) = await client.ended()
    await until(lambda: callbacks(webhooks))
    assert time.monotonic() - entry["states"]["completed"]["mono"] >= 0.4
    await client.sim("DELETE", "/rules")
    await client.rule("callback_delay", params={"seconds": 3600})
    await client.create(webhooks.form("long", StatusCallbackEvent="completed"))
    await client.ended(2)

    async def flushed() -> bool:
        return bool((await client.sim("POST", "/callbacks/flush"))["flushed"])

    await eventually(flushed)
    await until(lambda: webhooks.statuses("long"))


async def test_a_bad_signature_is_refused_by_the_validator(client: Client, webhooks: Webhooks) -> None:
    await client.rule("callback_bad_signature", params={"extra": True})
    await client.create(webhooks.form(StatusCallbackEvent="completed"))
    await until(lambda: len(callbacks(webhooks)) == 2)
    assert [valid(one) for one in callbacks(webhooks)] == [False, True]


async def test_an_old_token_signs(simulate: Simulate, webhooks: Webhooks) -> None:
    async with simulate() as client:
        client.sid = client.user = OTHER_SID
        client.password = "other-token"
        await client.rule("callback_old_token")
        form = webhooks.form(From="+12125550009", StatusCallbackEvent="completed")
        await client.create(form)
        await until(lambda: callbacks(webhooks))
        (one,) = callbacks(webhooks)
        assert not valid(one, "other-token")
        assert valid(one, "other-old-token")


async def test_unknown_fields_are_signed_too(client: Client, webhooks: Webhooks) -> None:
    await client.rule("callback_unknown_fields", params={"fields": {"NewField": "x", "NewEmpty": ""}})
    await client.create(webhooks.form(StatusCallbackEvent="completed"))
    await until(lambda: callbacks(webhooks))
    (one,) = callbacks(webhooks)
    assert (one.fields["NewField"], one.fields["NewEmpty"], valid(one)) == ("x", "", True)


async def test_another_account_claims_the_call(client: Client, webhooks: Webhooks) -> None:
    await client.rule("callback_wrong_account", params={"account": OTHER_SID})
    await client.create(webhooks.form(StatusCallbackEvent="completed"))
    await until(lambda: callbacks(webhooks))
    (one,) = callbacks(webhooks)
    assert (one.fields["AccountSid"], valid(one)) == (OTHER_SID, True)


async def test_a_slow_client_drips_its_body(simulate: Simulate, webhooks: Webhooks) -> None:
    # In real time: a request has 15 s then, and is not cut off when the machine is slow.
    async with simulate(time_scale=1) as client:
        await client.rule("slow_callback_client", params={"seconds": 0.5})
        await client.create(webhooks.form(StatusCallbackEvent="completed"))
        await until(lambda: callbacks(webhooks))
        (one,) = callbacks(webhooks)
        assert valid(one)

        async def attempts() -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = (await client.entries())[0]["callbacks"]
            return found

        sent = await eventually(attempts)
        assert sent[0]["seconds"] > 0.4  # timers count in whole milliseconds
