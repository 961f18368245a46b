"""Published means confirmed; everything else is BrokerAway, in time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import pytest
from aio_pika.abc import DeliveryMode
from structlog.testing import capture_logs

from shared import broker, hints, link
from shared.broker import Publisher
from shared.errors import BrokerAway
from shared.events import RunCreated, RunStale, SlotReleased
from shared.health import Health
from stack.ports import free_port
from tests.integration.broker.bench import LONG, Raw, until
from tests.integration.broker.proxy import Proxy

EVENT = RunCreated(business_id=1, run_id=2)


@asynccontextmanager
async def publishing(amqp_url: str, health: Health | None = None) -> AsyncIterator[Publisher]:
    publisher = Publisher(amqp_url, "test publisher", health)
    await publisher.start()
    try:
        yield publisher
    finally:
        await publisher.stop(grace=0.5)


def _count(lines: Sequence[Mapping[str, object]], event: str) -> int:
    return sum(line["event"] == event for line in lines)


@pytest.fixture
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "RETRY_SECONDS", 0.1)


@pytest.fixture
def quick_probes(quick_retries: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "PROBE_EVERY", 0.2)
    monkeypatch.setattr(link, "PROBE_TIMEOUT", 0.5)


async def test_a_published_event_is_in_the_queue_with_all_its_marks(amqp_url: str, raw: Raw) -> None:
    event = SlotReleased(business_id=1, run_id=2, job_id=3, call_sid="CA" + "0" * 32, outcome="busy")
    async with publishing(amqp_url) as publisher:
        await publisher.publish(event, timeout=LONG)
    message = await raw.take_one()
    assert SlotReleased.model_validate_json(message.body) == event
    assert message.routing_key == "slot.released"
    assert message.delivery_mode == DeliveryMode.PERSISTENT
    assert message.content_type == "application/json"
    assert message.type == "SlotReleased"
    assert message.message_id
    assert message.correlation_id == message.message_id


async def test_a_message_that_no_queue_takes_is_an_error_and_the_queue_is_declared_again(
    amqp_url: str, raw: Raw
) -> None:
    """FastStream returns such a message as if it were published unless its channel raises returns."""
    async with publishing(amqp_url) as publisher:
        await publisher.publish(EVENT, timeout=LONG)
        await raw.delete_queue()
        with pytest.raises(BrokerAway, match="NO_ROUTE"):
            await publisher.publish(EVENT, timeout=LONG)
        await publisher.publish(EVENT, timeout=LONG)
        await raw.until_ready(1)


async def test_a_deleted_exchange_is_an_error_and_declared_again(amqp_url: str, raw: Raw) -> None:
    async with publishing(amqp_url) as publisher:
        await publisher.publish(EVENT, timeout=LONG)
        await raw.delete_exchange()
        with pytest.raises(BrokerAway):
            await publisher.publish(EVENT, timeout=LONG)
        await publisher.publish(EVENT, timeout=LONG)
        await raw.until_ready(2)


async def test_without_a_broker_start_returns_at_once_and_publish_keeps_to_its_timeout() -> None:
    async with asyncio.timeout(LONG), publishing(f"amqp://127.0.0.1:{free_port()}/") as publisher:
        with pytest.raises(BrokerAway):
            await publisher.publish(EVENT, timeout=0.3)


@pytest.mark.parametrize("directions", [("up",), ("up", "down")], ids=["blocked", "black hole"])
@pytest.mark.usefixtures("quick_probes")
async def test_a_broker_that_goes_silent_is_noticed_and_back_when_it_answers(
    proxy: Proxy, directions: tuple[str, ...]
) -> None:
    """Held back "up" is what an alarm does to a publisher: its connection lives, and nobody reads from it."""
    health = Health(["broker"])
    async with publishing(proxy.url, health) as publisher:
        await publisher.publish(EVENT, timeout=LONG)
        seen = proxy.connections
        proxy.hold(*directions)
        with pytest.raises(BrokerAway, match=r"no confirm within 0\.3 s"):
            await publisher.publish(EVENT, timeout=0.3)
        await until(lambda: not health.up("broker"), "the silence is noticed")
        proxy.release()
        await until(lambda: health.up("broker"), "the broker is back")
        await publisher.publish(EVENT, timeout=LONG)
        assert proxy.connections == seen, "a connection that is only slow is kept"


async def test_a_connection_lost_while_publishing_is_an_error_not_a_cancellation(proxy: Proxy) -> None:
    async with publishing(proxy.url) as publisher:
        await publisher.publish(EVENT, timeout=LONG)
        proxy.hold("up")
        waiting = asyncio.create_task(publisher.publish(EVENT, timeout=LONG))
        await asyncio.sleep(0.1)
        proxy.cut()
        with pytest.raises(BrokerAway):
            await waiting


async def test_cancelling_a_publish_really_cancels_it(proxy: Proxy) -> None:
    async with publishing(proxy.url) as publisher:
        await publisher.publish(EVENT, timeout=LONG)
        proxy.hold("up")
        waiting = asyncio.create_task(publisher.publish(EVENT, timeout=LONG))
        await asyncio.sleep(0.1)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        proxy.release()


async def test_hints_wait_for_the_broker_and_arrive_once_each_in_order(proxy: Proxy, raw: Raw) -> None:
    await proxy.refuse()
    hints = [RunStale(business_id=n, run_id=n) for n in range(1, 6)]
    async with publishing(proxy.url) as publisher:
        for hint in [*hints, *hints]:
            publisher.publish_soon(hint)
        await proxy.listen()
        await raw.until_ready(len(hints))
        arrived = [RunStale.model_validate_json((await raw.take_one()).body) for _ in [1]]
    assert arrived == hints[:1]


async def test_a_long_alarm_piles_up_one_hint_an_attempt(
    proxy: Proxy, raw: Raw, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was written to a broker that reads nothing arrives in the end; each attempt with all would multiply it."""
    monkeypatch.setattr(broker, "CONFIRMED_WITHIN", 2.0)
    monkeypatch.setattr(hints, "FIRST_PAUSE", 0.01)
    many, further = 300, 3
    async with publishing(proxy.url) as publisher:
        await publisher.publish(EVENT, timeout=LONG)
        proxy.hold("up")
        with capture_logs() as lines:
            for run_id in range(1, many + 1):
                publisher.publish_soon(RunCreated(business_id=1, run_id=run_id))
            enough = hints.AT_ONCE + further
            await until(lambda: _count(lines, "HINT_UNCONFIRMED") >= enough, "several attempts have failed")
            proxy.release()
            await publisher.stop(grace=LONG)
    twice = _count(lines, "HINT_UNCONFIRMED")
    arrived = await raw.ready()
    assert 1 + many <= arrived <= 1 + many + twice
    assert twice < 2 * hints.AT_ONCE


async def test_stopping_sends_what_waits(amqp_url: str, raw: Raw) -> None:
    publisher = Publisher(amqp_url, "test publisher")
    await publisher.start()
    for n in range(1, 201):
        publisher.publish_soon(RunCreated(business_id=1, run_id=n))
    await publisher.stop(grace=LONG)
    await raw.until_ready(200)


async def test_stopping_without_a_broker_keeps_to_its_grace_and_counts_what_is_lost() -> None:
    publisher = Publisher(f"amqp://127.0.0.1:{free_port()}/", "test publisher")
    await publisher.start()
    publisher.publish_soon(EVENT)
    with capture_logs() as lines:
        async with asyncio.timeout(LONG):
            await publisher.stop(grace=0.3)
    assert [line["count"] for line in lines if line["event"] == "HINTS_UNSENT"] == [1]


@pytest.mark.usefixtures("quick_retries")
async def test_an_outage_is_one_line_when_it_begins_and_one_when_it_ends(proxy: Proxy) -> None:
    async with publishing(proxy.url) as publisher:
        await publisher.publish(EVENT, timeout=LONG)
        with capture_logs() as lines:
            await proxy.refuse()
            await asyncio.sleep(1)  # several attempts to connect fail in this time
            await proxy.listen()
            await publisher.publish(EVENT, timeout=LONG)
    told = [line["event"] for line in lines if line["event"].startswith("BROKER") and line["log_level"] != "debug"]
    assert told == ["BROKER_AWAY", "BROKER_UP"]


async def test_the_health_follows_a_broker_that_goes_and_comes_back(proxy: Proxy) -> None:
    health = Health(["broker"])
    async with publishing(proxy.url, health):
        await until(lambda: health.up("broker"), "connected")
        await proxy.refuse()
        await until(lambda: not health.up("broker"), "gone")
        await proxy.listen()
        await until(lambda: health.up("broker"), "back")
