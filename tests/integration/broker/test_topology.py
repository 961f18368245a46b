"""What is declared on the broker, by whoever comes first."""

from __future__ import annotations

import asyncio

import aio_pika
import pytest
from aio_pika.exceptions import ChannelPreconditionFailed

from shared import topology
from stack.brokers import BrokerServer
from tests.integration.broker.bench import Raw, until_connections, vhost


async def test_everybody_may_declare_everything_at_once_and_again(amqp_url: str) -> None:
    await asyncio.gather(*(topology.declare_topology(amqp_url, 30) for _ in range(12)))
    await topology.declare_topology(amqp_url)


async def test_the_dispatchers_queue_is_quorum_with_a_single_active_consumer(
    amqp_url: str, rabbitmq_server: BrokerServer
) -> None:
    await topology.declare_topology(amqp_url)
    assert rabbitmq_server.management is not None
    queues = {q["name"]: q for q in await rabbitmq_server.management.queues(vhost(amqp_url))}
    assert set(queues) == {"dispatcher", "dispatcher.dead"}
    assert queues["dispatcher"]["arguments"] == {
        "x-queue-type": "quorum",
        "x-single-active-consumer": True,
        "x-dead-letter-exchange": "ringfence.dead",
    }
    assert queues["dispatcher.dead"]["arguments"] == {"x-queue-type": "quorum"}


@pytest.mark.parametrize(("key", "arrive"), [("run.created", 1), ("slot.released", 1), ("run.stale", 1), ("run.x", 0)])
async def test_the_three_routing_keys_and_no_other_reach_the_queue(raw: Raw, key: str, arrive: int) -> None:
    await raw.send(b"{}", "run.created")
    await raw.send(b"{}", key)
    await raw.until_ready(1 + arrive)


async def test_declaring_leaves_no_connection_open(amqp_url: str, rabbitmq_server: BrokerServer) -> None:
    await topology.declare_topology(amqp_url)
    await until_connections(rabbitmq_server, amqp_url, 0)


async def test_a_queue_with_other_arguments_is_refused_not_replaced(amqp_url: str) -> None:
    connection = await aio_pika.connect(amqp_url)
    async with connection:
        await (await connection.channel()).declare_queue("dispatcher", durable=True)
    with pytest.raises(ChannelPreconditionFailed):
        await topology.declare_topology(amqp_url)
