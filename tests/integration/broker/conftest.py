"""A virtual host with everything declared, seen raw, and a proxy that misbehaves on the way to it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.integration.broker.bench import Raw, raw_broker
from tests.integration.broker.proxy import Proxy


@pytest.fixture
async def raw(amqp_url: str) -> AsyncIterator[Raw]:
    async with raw_broker(amqp_url) as found:
        yield found


@pytest.fixture
async def proxy(amqp_url: str) -> AsyncIterator[Proxy]:
    async with Proxy(amqp_url) as listening:
        yield listening
