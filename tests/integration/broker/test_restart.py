"""A broker that is killed and started again costs nobody a hint."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from shared.broker import Consumer, Publisher
from shared.events import RunCreated
from shared.health import Health
from stack.rabbitmq import Node, private_rabbitmq
from stack.rundir import RunDir
from tests.integration.broker.bench import LONG, Notes, until


@pytest.fixture
async def node(run_dir: RunDir) -> AsyncIterator[Node]:
    own = private_rabbitmq(run_dir, "rabbitmq-restart")
    try:
        await own.start()
        yield own
    finally:
        await own.close()


async def test_publisher_and_consumer_outlive_a_broker_that_is_killed(node: Node) -> None:
    notes, health = Notes(), Health(["broker"])
    publisher = Publisher(node.url(), "test publisher", health)
    consumer = Consumer(node.url(), "test consumer", {RunCreated: notes.take})
    await publisher.start()
    await consumer.start()
    await publisher.publish(RunCreated(business_id=1, run_id=1), timeout=LONG)
    await notes.until(RunCreated(business_id=1, run_id=1))

    await node.kill()
    await until(lambda: not health.up("broker"), "the death is noticed")
    for n in range(2, 102):
        publisher.publish_soon(RunCreated(business_id=1, run_id=n))
    await node.start()

    await notes.until(*(RunCreated(business_id=1, run_id=n) for n in range(2, 102)))
    assert health.up("broker")
    await consumer.stop()
    await publisher.stop()
