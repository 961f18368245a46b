"""Hints reach their handlers; what cannot be read reaches the dead letters; nothing stops the queue."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import pytest
from structlog.testing import capture_logs

from shared.broker import Consumer, Handler
from shared.events import Event, RunCreated, RunStale, SlotReleased
from shared.metrics import REGISTRY
from shared.wire import write_event
from stack.brokers import BrokerServer
from tests.integration.broker.bench import LONG, Gate, Notes, Raw, until, until_connections
from tests.integration.broker.proxy import Proxy

EVENT = RunCreated(business_id=1, run_id=2)


def all_to(handler: Handler) -> Mapping[type[Event], Handler]:
    return {RunCreated: handler, SlotReleased: handler, RunStale: handler}


@asynccontextmanager
async def consuming(amqp_url: str, handler: Handler, prefetch: int = 200) -> AsyncIterator[Consumer]:
    consumer = Consumer(amqp_url, "test consumer", all_to(handler), prefetch)
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


async def test_each_event_reaches_the_handler_of_its_kind(amqp_url: str, raw: Raw) -> None:
    events = [EVENT, SlotReleased(business_id=1, run_id=2, job_id=3), RunStale(business_id=1, run_id=2)]
    notes = {type(event): Notes() for event in events}
    consumer = Consumer(amqp_url, "test consumer", {kind: note.take for kind, note in notes.items()})
    await consumer.start()
    for event in events:
        await raw.send(write_event(event), event.routing_key)
    for event in events:
        await notes[type(event)].until(event)
    await consumer.stop()
    assert [len(note.events) for note in notes.values()] == [1, 1, 1]
    assert await raw.ready() == 0


async def test_fields_of_a_newer_writer_are_ignored(amqp_url: str, raw: Raw) -> None:
    notes = Notes()
    async with consuming(amqp_url, notes.take):
        await raw.send(b'{"business_id": 1, "run_id": 2, "priority": "high"}')
        await notes.until(EVENT)


async def test_no_more_hints_are_taken_at_once_than_prefetch_says(amqp_url: str, raw: Raw) -> None:
    """FastStream drops the limit without a word when the queue was declared on another of its channels before."""
    gate = Gate()
    for n in range(1, 11):
        await raw.send(write_event(RunCreated(business_id=1, run_id=n)))
    async with consuming(amqp_url, gate.take, prefetch=3):
        await until(lambda: gate.inside == 3, "three hints are being noted")
        await raw.until_ready(7)
        gate.open()
        await until(lambda: len(gate.events) == 10, "all are noted")
    assert gate.most_inside == 3


UNREADABLE = {
    "no JSON": (b"hello-secret", "run.created"),
    "half JSON": (b'{"business_id": 1, "run_id"', "run.created"),
    "no UTF-8": (b'{"business_id": 1, "run_id": 2, "x": "\xff\xfe"}', "run.created"),
    "empty": (b"", "run.created"),
    "a list": (b"[1, 2]", "slot.released"),
    "no ids": (b"{}", "run.stale"),
    "id missing": (b'{"business_id": 1}', "run.created"),
    "id as text": (b'{"business_id": "1", "run_id": 2}', "run.created"),
    "id zero": (b'{"business_id": 0, "run_id": 2}', "run.created"),
    "id true": (b'{"business_id": true, "run_id": 2}', "run.created"),
    "id beyond bigint": (b'{"business_id": 9223372036854775808, "run_id": 2}', "run.created"),
    "id of 5000 digits": (b'{"business_id": ' + b"9" * 5000 + b', "run_id": 2}', "run.created"),
    "id infinite": (b'{"business_id": 1e999, "run_id": 2}', "run.created"),
    "deep": (b"[" * 100_000, "run.created"),
    "bad time": (b'{"business_id": 1, "run_id": 2, "last_heartbeat_at": "soon"}', "run.stale"),
}


async def test_what_cannot_be_read_is_dead_lettered_counted_and_logged_without_its_body(
    amqp_url: str, raw: Raw
) -> None:
    notes = Notes()
    before = REGISTRY.get_sample_value("ringfence_dead_letters_total") or 0
    with capture_logs() as lines:
        async with consuming(amqp_url, notes.take, prefetch=2):
            for name, (body, key) in UNREADABLE.items():
                await raw.send(body, key, message_id=name)
            await raw.send_to_queue(write_event(EVENT), "no key")  # no key of ours leads to it
            await raw.send(write_event(EVENT))
            await notes.until(EVENT)
            await raw.until_ready(len(UNREADABLE) + 1, "dispatcher.dead")
    told = [line for line in lines if line["event"] == "DEAD_LETTER"]
    assert notes.events == [EVENT]
    assert [line["message_id"] for line in told] == [*UNREADABLE, "no key"]
    assert (REGISTRY.get_sample_value("ringfence_dead_letters_total") or 0) - before == len(told)
    assert not any(word in str(line) for line in lines for word in ("secret", "soon", "999"))
    assert sorted(await raw.dead_bodies()) == sorted([*(body for body, _ in UNREADABLE.values()), write_event(EVENT)])


async def test_a_handler_that_fails_loses_its_hint_and_nothing_else(amqp_url: str, raw: Raw) -> None:
    """Requeued it would come back thousands of times a second; dead-lettered it would look like a bad message."""
    tries: list[Event] = []
    before = REGISTRY.get_sample_value("ringfence_loop_errors_total", {"loop": "hints"}) or 0

    async def fail(event: Event) -> None:
        tries.append(event)
        raise RuntimeError("cannot note")

    with capture_logs() as lines:
        async with consuming(amqp_url, fail):
            for n in (1, 2):
                await raw.send(write_event(RunCreated(business_id=1, run_id=n)), message_id=f"hint-{n}")
            await until(lambda: len(tries) == 2, "both were tried")
            await raw.until_ready(0)
    assert len(tries) == 2
    told = sorted((line["message_id"], line["run_id"]) for line in lines if line["event"] == "HINT_LOST")
    assert told == [("hint-1", 1), ("hint-2", 2)]
    assert REGISTRY.get_sample_value("ringfence_loop_errors_total", {"loop": "hints"}) == before + 2
    assert await raw.ready() == 0
    assert await raw.dead_bodies() == []


async def test_a_hint_whose_handler_is_not_done_goes_to_the_next_consumer(
    amqp_url: str, raw: Raw, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.broker.HANDLER_GRACE", 0.3)
    gate, notes = Gate(), Notes()
    await raw.send(write_event(EVENT))
    async with consuming(amqp_url, gate.take):
        await until(lambda: gate.inside == 1, "it is being noted")
    async with consuming(amqp_url, notes.take):
        await notes.until(EVENT)
    assert gate.events == []


async def test_only_one_consumer_is_active_and_stopping_it_lets_the_other_go_on(amqp_url: str, raw: Raw) -> None:
    first, second = Notes(), Notes()
    one = Consumer(amqp_url, "first", all_to(first.take))
    other = Consumer(amqp_url, "second", all_to(second.take))
    await one.start()
    await raw.send(write_event(RunCreated(business_id=1, run_id=1)))
    await first.until(RunCreated(business_id=1, run_id=1))
    await other.start()
    await raw.send(write_event(RunCreated(business_id=1, run_id=2)))
    await first.until(RunCreated(business_id=1, run_id=2))
    await one.stop()
    await raw.send(write_event(RunCreated(business_id=1, run_id=3)))
    await second.until(RunCreated(business_id=1, run_id=3))
    await other.stop()
    assert len(first.events) == 2
    assert len(second.events) == 1


async def test_it_may_be_started_and_stopped_again_and_again_and_leaves_no_connection(
    amqp_url: str, raw: Raw, rabbitmq_server: BrokerServer
) -> None:
    notes = Notes()
    consumer = Consumer(amqp_url, "test consumer", all_to(notes.take))
    for n in range(1, 5):
        await consumer.start()
        await raw.send(write_event(RunCreated(business_id=1, run_id=n)))
        await notes.until(RunCreated(business_id=1, run_id=n))
        await consumer.stop()
    for _ in range(5):  # stopped wherever it happens to be
        await consumer.start()
        await asyncio.sleep(0.01)
        await consumer.stop()
    await until_connections(rabbitmq_server, amqp_url, 1)  # the test's own


async def test_a_queue_deleted_under_the_consumer_is_declared_again(amqp_url: str, raw: Raw) -> None:
    notes = Notes()
    async with consuming(amqp_url, notes.take):
        await raw.send(write_event(EVENT))
        await notes.until(EVENT)
        await raw.delete_queue()
        later = RunCreated(business_id=1, run_id=3)
        async with asyncio.timeout(LONG):
            while later not in notes.events:
                await raw.send(write_event(later))
                await asyncio.sleep(0.1)


async def test_a_cut_connection_is_replaced_within_seconds(proxy: Proxy, raw: Raw) -> None:
    notes = Notes()
    async with consuming(proxy.url, notes.take):
        for n in range(1, 4):
            await raw.send(write_event(RunCreated(business_id=1, run_id=n)))
            await notes.until(RunCreated(business_id=1, run_id=n))
            proxy.cut()


async def test_a_broker_that_is_away_at_start_is_waited_for_in_the_background(proxy: Proxy, raw: Raw) -> None:
    notes = Notes()
    await proxy.refuse()
    await raw.send(write_event(EVENT))
    async with asyncio.timeout(LONG):
        consumer = Consumer(proxy.url, "test consumer", all_to(notes.take))
        await consumer.start()
    await asyncio.sleep(0.2)
    await proxy.listen()
    await notes.until(EVENT)
    await consumer.stop()
