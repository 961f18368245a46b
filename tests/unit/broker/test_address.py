"""Every spelling of the broker's address leads both clients to the same place."""

from __future__ import annotations

import pytest
from aiormq.connection import Connection
from faststream.rabbit import RabbitBroker
from yarl import URL

from shared.topology import connection_url

VHOSTS = [
    ("amqp://host", "/"),
    ("amqp://host/", "/"),
    ("amqp://host/%2F", "/"),
    ("amqp://host/%2f", "/"),
    ("amqp://host/name", "name"),
    ("amqp://host/a%2Fb", "a/b"),
    ("amqp://host/a%20b", "a b"),
    ("amqp://host/50%25", "50%"),
    ("amqps://host/%2F?cafile=/etc/ca.pem", "/"),
]


def as_faststream_reads(url: str) -> str:
    return str(RabbitBroker(url, logger=None)._connection_kwargs["url"])


@pytest.mark.parametrize(("url", "vhost"), VHOSTS)
async def test_the_virtual_host_survives(url: str, vhost: str) -> None:
    ours = connection_url(url, "api-1")
    assert Connection(ours).vhost == vhost
    assert Connection(as_faststream_reads(ours)).vhost == vhost


async def test_user_port_and_tls_survive() -> None:
    url = connection_url("amqps://some%40one:p%40ss%2Fword@host:5999/v?cafile=/etc/ca.pem&no_verify_ssl=0", "api-1")
    seen = URL(as_faststream_reads(url))
    assert (seen.scheme, seen.host, seen.port) == ("amqps", "host", 5999)
    assert (seen.user, seen.password) == ("some@one", "p@ss/word")
    assert seen.query["cafile"] == "/etc/ca.pem"


def test_the_heartbeat_is_ten_seconds_unless_the_address_says_otherwise() -> None:
    assert URL(connection_url("amqp://host/v", "api-1")).query == {"heartbeat": "10", "name": "api-1"}
    given = URL(connection_url("amqp://host/v?heartbeat=30&name=theirs&x=y", "api 1"))
    assert given.query == {"heartbeat": "30", "name": "api 1", "x": "y"}
