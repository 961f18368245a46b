"""The broker as the services see it: a Publisher that confirms or says no, a Consumer that takes hints.

Rules: publishing and consuming have a connection each, because an alarm blocks a publishing connection whole, its
acknowledgements too; published means confirmed by the broker and routed to a queue; a hint that can be read is
acknowledged when its handler is done with it, one that cannot goes to the dead letters at once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from datetime import UTC, datetime
from typing import Any, Final, Self, cast

from aio_pika.abc import AbstractChannel, AbstractConnection
from aiormq import Channel as RawChannel
from aiormq.exceptions import PublishError
from faststream import AckPolicy
from faststream.exceptions import RejectMessage
from faststream.rabbit import Channel, ExchangeType, QueueType, RabbitBroker, RabbitExchange, RabbitQueue
from faststream.rabbit.annotations import RabbitMessage
from pamqp.commands import Basic

from shared import topology
from shared.background import OnDeath, end_process
from shared.crashpoints import crash_point, crash_point_soon
from shared.errors import BrokerAway
from shared.events import Event
from shared.health import Health
from shared.hints import Hint, HintSender
from shared.library import reason_of, within
from shared.link import Link
from shared.logs import logger
from shared.metrics import DEAD_LETTERS, LOOP_ERRORS
from shared.partition import WHOLE, Partition
from shared.redelivery import REDELIVERED
from shared.settings import Settings
from shared.wire import CONTENT_TYPE, read_event, write_event

APP_ID: Final = "ringfence"
PERSISTENT: Final = 2
CONNECT_TIMEOUT: Final = 5.0
OPEN_TIMEOUT: Final = 8.0
CLOSE_TIMEOUT: Final = 4.0
HANDLER_GRACE: Final = 2.0
ACKNOWLEDGED_WITHIN: Final = 0.05
AT_HOME: Final = 10
"""The priority of a consumer at its home partition. RabbitMQ 3.x ignores it where only one consumer is active."""

CONFIRMED_WITHIN: Final = 5.0
"""Seconds that a hint's confirm is awaited before it counts as lost."""

NEVER: Final = 86_400.0
"""Seconds until the client library would reconnect by itself: a session is replaced long before."""

Handler = Callable[[Any], Awaitable[None]]


class BrokerSession:
    """One FastStream broker for one life of its connection; the first trouble ends it."""

    def __init__(self, amqp_url: str, name: str, question: Callable[[RawChannel], Awaitable[None]]) -> None:
        for library in ("aio_pika", "aiormq"):
            logging.getLogger(library).setLevel(logging.CRITICAL)  # the link tells, in one line
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.broker = RabbitBroker(
            topology.connection_url(amqp_url, name),
            timeout=CONNECT_TIMEOUT,
            reconnect_interval=NEVER,
            graceful_timeout=HANDLER_GRACE,
            on_close=[self._closed],
            default_channel=Channel(on_return_raises=True),
            app_id=APP_ID,
            apply_types=False,
            logger=None,
        )
        self._question = question
        self._channel: RawChannel | None = None

    async def open(self, working_channel: Callable[[RabbitBroker], Awaitable[AbstractChannel]]) -> None:
        """Connect and start; on failure or cancellation nothing of it stays open."""
        try:
            await within(OPEN_TIMEOUT, self.broker.start())
            channel = await within(OPEN_TIMEOUT, _raw_channel(working_channel(self.broker)))
        except BaseException:
            await self.close()
            raise
        self._channel = channel
        channel.closing.add_done_callback(lambda _: self.end("the channel was closed"))
        channel.on_consumer_cancel_callbacks.add(lambda _: self.end("the queue was deleted"))

    async def publish(self, body: bytes, routing_key: str, properties: Basic.Properties) -> None:
        """Publish to the events' exchange, and return when a queue has it; raises what the broker or its loss said.

        FastStream and aio-pika let a message leave before they begin the next, some turns of the event loop each: of a
        burst the last would be late, and the broker would take each by itself. Whoever calls bounds what is under way.
        """
        if self._channel is None:
            raise BrokerAway("the session is not open")
        answer = await self._channel.basic_publish(
            body, exchange=topology.EVENTS, routing_key=routing_key, properties=properties, mandatory=True, wait=False
        )
        if not isinstance(answer, Basic.Ack):
            raise BrokerAway(f"the broker answered {type(answer).__name__}")

    async def probe(self) -> None:
        """Return when the broker has answered; raises what it answered if that was no."""
        if self._channel is not None:
            await self._question(self._channel)

    def end(self, reason: str) -> None:
        """Declare this session of no more use."""
        if not self.ended.done():
            self.ended.set_result(reason)

    async def close(self) -> None:
        """Close what is open, within twice CLOSE_TIMEOUT."""
        self.end("closed")
        connection = await self.broker.connect() if self.broker.running else None
        await _closed_within(CLOSE_TIMEOUT, self.broker.stop())
        if connection is not None and not connection.is_closed:
            await _closed_within(CLOSE_TIMEOUT, connection.close())

    def _closed(self, _connection: AbstractConnection | None, error: BaseException | None) -> None:
        self.end(reason_of(error) if error is not None else "the connection was closed")


async def _closed_within(seconds: float, closing: Coroutine[Any, Any, None]) -> None:
    try:
        await within(seconds, closing)
    except Exception as exc:
        logger().debug("BROKER_CLOSE", reason=reason_of(exc))


async def _raw_channel(channel: Awaitable[AbstractChannel]) -> RawChannel:
    return cast(RawChannel, await (await channel).get_underlay_channel())


class Publisher:
    """Publishes events with confirms, over a connection of its own that it keeps alive.

    Tells `health` whether the "broker" can be used. `on_death` hears of the death of a background task.
    With several `partitions` each message says what business it is about, for the exchange that spreads them.
    """

    EXCHANGE: Final = RabbitExchange(topology.EVENTS, type=ExchangeType.TOPIC, durable=True)

    def __init__(
        self,
        amqp_url: str,
        name: str,
        health: Health | None = None,
        *,
        partitions: int = 1,
        on_death: OnDeath = end_process,
    ) -> None:
        self._url = amqp_url
        self._name = name
        self._partitions = partitions
        self._link = Link(name, self._begin, health, on_death)
        self._hints = HintSender(name, lambda hint: self._publish(hint, CONFIRMED_WITHIN), on_death)

    @classmethod
    def of(cls, settings: Settings, name: str, health: Health, on_death: OnDeath) -> Self:
        """The publisher of a service: every one must know the same broker and number of partitions."""
        url = settings.amqp_url.get_secret_value()
        return cls(url, name, health, partitions=settings.dispatch_partitions, on_death=on_death)

    async def start(self) -> None:
        """Begin to connect, and to send waiting hints; return at once, with or without a broker."""
        self._link.start()
        self._hints.start()

    async def stop(self, grace: float = 5.0) -> None:
        """Send the hints that wait, for at most `grace` seconds, then close."""
        await self._hints.stop(grace)
        await self._link.stop()

    async def publish(self, event: Event, timeout: float = CONFIRMED_WITHIN) -> None:
        """Publish an event and return when a queue has it; `timeout` is in seconds, for everything.

        Raises BrokerAway when that did not happen, whatever the reason; the event may still arrive.
        """
        await self._publish(Hint(event), timeout)

    def publish_soon(self, event: Event) -> None:
        """Hand an event to the background, which tries until it is confirmed."""
        self._hints.add(event)

    async def _publish(self, hint: Hint, timeout: float) -> None:
        try:
            await within(timeout, self._confirm(hint))
        except BrokerAway:
            raise
        except TimeoutError as exc:
            self._link.doubt()
            raise BrokerAway(f"no confirm within {timeout:g} s") from exc
        except Exception as exc:
            raise BrokerAway(reason_of(exc)) from exc

    async def _confirm(self, hint: Hint) -> None:
        session = await self._link.session()
        try:
            crash_point("broker.publish.sending")
            await session.publish(write_event(hint.event), hint.event.routing_key, self._properties(hint))
            crash_point("broker.publish.confirmed")
        except PublishError:
            session.end("a message found no queue")  # the next session declares the queues again
            raise

    def _properties(self, hint: Hint) -> Basic.Properties:
        return Basic.Properties(
            content_type=CONTENT_TYPE,
            headers={topology.HASHED: str(hint.event.business_id)} if self._partitions > 1 else None,
            delivery_mode=PERSISTENT,
            message_id=hint.message_id,
            correlation_id=hint.message_id,
            timestamp=datetime.now(UTC),
            message_type=type(hint.event).__name__,
            app_id=APP_ID,
        )

    async def _begin(self) -> BrokerSession:
        await within(CONNECT_TIMEOUT, topology.declare_topology(self._url, partitions=self._partitions))
        session = BrokerSession(self._url, self._name, _ask_for_exchange)
        await session.open(self._working_channel)
        return session

    async def _working_channel(self, broker: RabbitBroker) -> AbstractChannel:
        # Publishing to an exchange that FastStream has not met yet would wait for the broker without limit.
        return (await broker.declare_exchange(self.EXCHANGE)).channel


class Consumer:
    """Takes hints from a partition's queue and hands each to the handler of its kind.

    May be started and stopped again and again. Give `health` only to a consumer that runs as long as its process.
    The first partition's takes away the bindings that its number of partitions does not need. `at_home` says whether
    the broker should prefer this consumer.
    """

    def __init__(
        self,
        amqp_url: str,
        name: str,
        handlers: Mapping[type[Event], Handler],
        prefetch: int = 200,
        health: Health | None = None,
        *,
        share: Partition = WHOLE,
        at_home: Callable[[], bool] = lambda: True,
        on_death: OnDeath = end_process,
    ) -> None:
        self._url = amqp_url
        self._name = name
        self._kinds = {kind.routing_key: kind for kind in handlers}
        self._handlers = handlers
        self._prefetch = prefetch
        self._share = share
        self._at_home = at_home
        self._queue = RabbitQueue(topology.queue_of(share.number), queue_type=QueueType.QUORUM, declare=False)
        self._surplus = topology.surplus(share.of)
        self._link = Link(name, self._begin, health, on_death)

    @property
    def is_deaf(self) -> bool:
        """Whether no hint can come now, because the broker is away."""
        return self._link.is_away

    async def start(self) -> None:
        """Begin to take hints as soon as the broker is there; return at once."""
        self._link.start()

    async def stop(self) -> None:
        """Take no more hints; those that no handler is done with go back to the queue."""
        await self._link.stop()

    async def _begin(self) -> BrokerSession:
        share = self._share
        declared = topology.declare_topology(self._url, partitions=share.of, alone=share.is_first)
        await within(CONNECT_TIMEOUT, declared)
        session = BrokerSession(self._url, self._name, self._ask)
        subscriber = session.broker.subscriber(
            self._queue,
            channel=Channel(prefetch_count=self._prefetch),
            ack_policy=AckPolicy.REJECT_ON_ERROR,
            no_reply=True,
            decoder=_undecoded,
            consume_args={"x-priority": AT_HOME} if share.of > 1 and self._at_home() else None,
        )
        subscriber(self._take)
        await session.open(self._working_channel)
        return session

    async def _working_channel(self, broker: RabbitBroker) -> AbstractChannel:
        return (await broker.declare_queue(self._queue)).channel

    async def _ask(self, channel: RawChannel) -> None:
        """Ask for the queue, and mend its bindings: somebody may have declared another number of partitions since."""
        await channel.queue_declare(self._queue.name, passive=True)
        if self._share.of > 1:
            await topology.join_ring(channel, self._share.number)
        if self._share.is_first:
            await topology.feed(channel, self._share.of)
            await topology.withdraw(channel, self._share.of, next(self._surplus))

    async def _take(self, message: RabbitMessage) -> None:
        message_id = message.raw_message.message_id
        try:
            event = read_event(self._kinds, message.raw_message.routing_key, message.body)
        except ValueError as exc:
            DEAD_LETTERS.inc()
            logger().warning("DEAD_LETTER", message_id=message_id, reason=str(exc))
            crash_point("broker.hint.rejecting")
            raise RejectMessage from exc
        before = REDELIVERED.set(bool(message.raw_message.redelivered))
        try:
            await self._handlers[type(event)](event)
        except Exception:
            # Delivered again it would only fail again; the next beat looks at its business anyway.
            LOOP_ERRORS.labels(loop="hints").inc()
            ids = event.model_dump(include={"business_id", "run_id"})
            logger().exception("HINT_LOST", message_id=message_id, routing_key=event.routing_key, **ids)
        finally:
            REDELIVERED.reset(before)
            crash_point("broker.hint.acknowledging")
            crash_point_soon("broker.hint.acknowledged", ACKNOWLEDGED_WITHIN)


async def _undecoded(message: RabbitMessage) -> RabbitMessage:
    return message


async def _ask_for_exchange(channel: RawChannel) -> None:
    await channel.exchange_declare(topology.EVENTS, passive=True)
