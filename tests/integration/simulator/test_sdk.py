"""The official SDK, unmodified but for the address, works with the simulator."""

import asyncio
from collections.abc import Iterator

import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client as Sdk

from tests.integration.simulator.rig import NUMBER, SID, TO, TOKEN, Client, Webhooks


@pytest.fixture
def sdk(client: Client) -> Iterator[Sdk]:
    http = TwilioHttpClient(pool_connections=True, timeout=20)
    sdk = Sdk(SID, TOKEN, http_client=http, environment={})
    sdk.api.base_url = client.base
    yield sdk
    assert http.session is not None
    http.session.close()


async def test_create_fetch_list_update_and_delete(client: Client, webhooks: Webhooks, sdk: Sdk) -> None:
    await client.rule("outcome", params={"outcome": "answered", "ring_seconds": 3600})
    call = await asyncio.to_thread(
        sdk.calls.create,
        to=TO,
        from_=NUMBER,
        url=f"{webhooks.url}/voice/t",
        status_callback=f"{webhooks.url}/status/t#rc=5&rp=all",
        status_callback_event=["initiated", "answered", "completed"],
        timeout=600,
        time_limit=3600,
    )
    assert (call.status, call.direction, call.to) == ("queued", "outbound-api", TO)
    fetched = await asyncio.to_thread(sdk.calls(str(call.sid)).fetch)
    assert (fetched.sid, fetched.date_created is not None) == (call.sid, True)
    listed = await asyncio.to_thread(sdk.calls.list, to=TO, from_=NUMBER, page_size=1)
    assert [one.sid for one in listed] == [call.sid]
    ended = await asyncio.to_thread(sdk.calls(str(call.sid)).update, status="completed")
    assert ended.status == "completed"
    assert await asyncio.to_thread(sdk.calls(str(call.sid)).delete)


async def test_lists_are_paged_through(client: Client, webhooks: Webhooks, sdk: Sdk) -> None:
    for n in range(5):
        await client.create(webhooks.form(f"t{n}", To=f"{TO[:-1]}{n}"))
    listed = await asyncio.to_thread(sdk.calls.list, page_size=2)
    assert [one.to for one in listed] == [f"{TO[:-1]}{n}" for n in (4, 3, 2, 1, 0)]


async def test_a_refusal_arrives_as_the_sdks_exception(webhooks: Webhooks, sdk: Sdk) -> None:
    with pytest.raises(TwilioRestException) as raised:
        await asyncio.to_thread(sdk.calls.create, to="+15005550001", from_=NUMBER, url=f"{webhooks.url}/voice/t")
    assert (raised.value.status, raised.value.code) == (400, 21217)


async def test_account_balance_and_events_are_read(client: Client, webhooks: Webhooks, sdk: Sdk) -> None:
    _, call = await client.create(webhooks.form())
    account = await asyncio.to_thread(sdk.api.accounts(SID).fetch)
    balance = await asyncio.to_thread(sdk.balance.fetch)
    events = await asyncio.to_thread(sdk.calls(call["sid"]).events.list)
    assert (account.status, balance.currency, isinstance(events, list)) == ("active", "USD", True)
