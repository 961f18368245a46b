"""Whoever changes the number of partitions may die in the middle of it; whoever comes next brings it to its end."""

from __future__ import annotations

from typing import Any, cast

import pytest
from aiormq.abc import AbstractChannel

from shared import topology

Binding = tuple[str, str, str]
LONGER_THAN_ANY = 1000


class Died(Exception):
    """The process is gone."""


class Broker:
    """What is declared and bound; whoever talks to it dies after so many requests."""

    def __init__(self) -> None:
        self.bindings: set[Binding] = set()
        self._names: set[str] = set()
        self._left = 0

    async def change(self, partitions: int, requests: int = LONGER_THAN_ANY) -> None:
        """Do as the holder of the first partition does when it connects."""
        self._left = requests
        channel = cast("AbstractChannel", self)
        await topology.declare(channel, partitions)
        await topology.withdraw(channel, partitions, next(topology.surplus(partitions)))

    def delivers(self, key: str) -> bool:
        """Whether a hint with this key comes to somebody's queue."""
        spread = any(source == topology.RING for source, _, _ in self.bindings)
        return (topology.EVENTS, topology.DISPATCHER, key) in self.bindings or (
            spread and (topology.EVENTS, topology.RING, key) in self.bindings
        )

    async def exchange_declare(self, exchange: str, **_: Any) -> None:
        self._asked()
        self._names.add(exchange)

    async def queue_declare(self, queue: str, **_: Any) -> None:
        self._asked()
        self._names.add(queue)

    async def queue_bind(self, queue: str, exchange: str, routing_key: str = "") -> None:
        self._asked()
        assert {queue, exchange} <= self._names
        self.bindings.add((exchange, queue, routing_key))

    async def exchange_bind(self, destination: str, source: str, routing_key: str) -> None:
        await self.queue_bind(destination, source, routing_key)

    async def queue_unbind(self, queue: str, exchange: str, routing_key: str) -> None:
        self._asked()
        self.bindings.discard((exchange, queue, routing_key))

    async def exchange_unbind(self, destination: str, source: str, routing_key: str) -> None:
        await self.queue_unbind(destination, source, routing_key)

    def _asked(self) -> None:
        if self._left == 0:
            raise Died
        self._left -= 1


async def changed(before: int, after: int) -> set[Binding]:
    broker = Broker()
    for partitions in (before, after):
        await broker.change(partitions)
    return broker.bindings


@pytest.mark.parametrize(("before", "after"), [(1, 2), (1, 4), (2, 4), (4, 2), (4, 1), (1, 64), (64, 1)])
async def test_a_change_that_ends_anywhere_loses_no_hint_and_is_finished_by_the_next(before: int, after: int) -> None:
    whole = await changed(before, after)
    for requests in range(LONGER_THAN_ANY):
        broker = Broker()
        await broker.change(before)
        try:
            await broker.change(after, requests)
        except Died:
            assert all(broker.delivers(key) for key in topology.ROUTING_KEYS), f"after {requests} requests"
            await broker.change(after)
            assert broker.bindings == whole
        else:
            return
    pytest.fail("it never came to its end")


@pytest.mark.parametrize("partitions", [1, 4])
async def test_doing_it_again_changes_nothing(partitions: int) -> None:
    assert await changed(partitions, partitions) == await changed(1, partitions)
