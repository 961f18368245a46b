"""Answers against Twilio's published description, strictly: every documented property and no other."""

import pytest

from tests.integration.simulator.openapi import FIELDS, check, check_list, file
from tests.integration.simulator.rig import TO, Client, Webhooks, until


async def test_calls_in_every_state_are_as_described(client: Client, webhooks: Webhooks) -> None:
    await client.rule("outcome", match={"to_suffix": "1"}, params={"outcome": "busy"})
    await client.rule("outcome", match={"to_suffix": "2"}, params={"outcome": "failed"})
    await client.rule("outcome", match={"to_suffix": "3"}, params={"ring_seconds": 3600})
    await client.rule("outcome", match={"to_suffix": "4"}, params={"talk_seconds": 7200})
    for n in range(5):
        status, call = await client.create(webhooks.form(f"t{n}", To=f"{TO[:-1]}{n}", Timeout="600"))
        assert status == 201
        check("api.v2010.account.call", call)
        check("api.v2010.account.call", (await client.rest("GET", f"/Calls/{call['sid']}.json"))[1])
    await client.ended(3)
    await until(lambda: "in-progress" in webhooks.statuses("t4"))
    for path in ("/Calls.json", "/Calls.json?PageSize=2", "/Calls.json?PageSize=2&Page=1", "/Calls.json?To=x"):
        check_list("calls", "api.v2010.account.call", (await client.rest("GET", path))[1])


async def test_an_updated_call_is_as_described(client: Client, webhooks: Webhooks) -> None:
    await client.rule("outcome", params={"ring_seconds": 3600})
    _, call = await client.create(webhooks.form())
    _, updated = await client.rest("POST", f"/Calls/{call['sid']}.json", data={"Status": "completed"})
    check("api.v2010.account.call", updated)


async def test_events_balance_and_accounts_are_as_described(client: Client, webhooks: Webhooks) -> None:
    _, call = await client.create(webhooks.form())
    await client.ended()
    await until(lambda: len(webhooks.received) == 5)
    _, events = await client.rest("GET", f"/Calls/{call['sid']}/Events.json")
    assert events["events"]
    check_list("events", "api.v2010.account.call.call_event", events)
    check("api.v2010.account.balance", (await client.rest("GET", "/Balance.json"))[1])
    check("api.v2010.account", (await client.rest("GET", ".json"))[1])
    client.sid = ""
    response = await client.raw("GET", "")
    assert response.status == 404


async def test_the_check_without_the_description_names_the_same_fields(
    client: Client, webhooks: Webhooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the published file the list of names must be just as strict about what is there."""
    _, call = await client.create(webhooks.form())
    monkeypatch.setenv("RINGFENCE_TWILIO_OPENAPI", "/nowhere")
    assert file() is None
    assert set(FIELDS["api.v2010.account.call"].split()) == set(call)
    check("api.v2010.account.call", call)
    check_list("calls", "api.v2010.account.call", (await client.rest("GET", "/Calls.json"))[1])
