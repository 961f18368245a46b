"""Servers that somebody else runs, as DATABASE_URL and AMQP_URL name them."""

from collections.abc import AsyncIterator

import aio_pika
import asyncpg
import pytest

from stack import given
from stack.brokers import QUEUES, BrokerServer
from stack.databases import Database, DatabaseServer
from stack.errors import StackError


@pytest.fixture
async def foreign(postgres_server: DatabaseServer) -> DatabaseServer:
    """The run's server as if it were not ours."""
    return DatabaseServer(postgres_server.admin_url)


async def roles(url: str, *names: str) -> list[str]:
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch("SELECT rolname FROM pg_roles WHERE rolname = ANY($1)", list(names))
    finally:
        await connection.close()
    return [row["rolname"] for row in rows]


async def databases(server: DatabaseServer) -> set[str]:
    connection = await asyncpg.connect(server.admin_url)
    try:
        return {row["datname"] for row in await connection.fetch("SELECT datname FROM pg_database")}
    finally:
        await connection.close()


async def test_a_given_server_keeps_nothing_but_roles(foreign: DatabaseServer) -> None:
    before = await databases(foreign)
    fresh = await foreign.new_database()
    await foreign.drop(fresh)
    await foreign.close()
    assert await databases(foreign) == before


async def test_two_runs_on_one_server_do_not_meet(foreign: DatabaseServer, postgres_server: DatabaseServer) -> None:
    theirs, ours = await foreign.new_database(), await postgres_server.new_database()
    assert theirs.name != ours.name
    await foreign.drop(theirs)
    connection = await asyncpg.connect(ours.url)
    assert await connection.fetchval("SELECT count(*) FROM businesses") == 0
    await connection.close()
    await postgres_server.drop(ours)
    await foreign.close()


@pytest.fixture
async def modest(database: Database) -> AsyncIterator[str]:
    """The URL of somebody who owns a migrated database and may create no other."""
    connection = await asyncpg.connect(database.superuser_url)
    await connection.execute("CREATE ROLE modest LOGIN PASSWORD 'modest' NOCREATEDB IN ROLE ringfence_stack_owner")
    await connection.close()
    place = database.superuser_url.rpartition("@")[2]
    yield f"postgresql://modest:modest@{place}"
    connection = await asyncpg.connect(database.superuser_url)
    await connection.execute("DROP OWNED BY modest CASCADE; DROP ROLE modest")
    await connection.close()


async def test_a_guest_takes_a_database_of_its_own_where_it_may(
    postgres_server: DatabaseServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", postgres_server.admin_url)
    monkeypatch.setenv("AMQP_URL", "amqp://given/")
    places = await given.servers_for_a_guest()
    assert places == {"rabbitmq_url": "amqp://given/", "postgres_url": postgres_server.admin_url}


async def test_a_guest_stays_out_of_a_database_that_holds_businesses(
    modest: str, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the demonstration's leads would come before a dispatcher that dials in earnest."""
    connection = await asyncpg.connect(database.superuser_url)
    await connection.execute("INSERT INTO businesses (name) VALUES ('a real one')")
    await connection.close()
    monkeypatch.setenv("DATABASE_URL", modest)
    with pytest.raises(StackError, match="already holds businesses"):
        await given.servers_for_a_guest()


async def test_a_server_that_is_away_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nothing")
    with pytest.raises(StackError, match="DATABASE_URL cannot be reached"):
        await given.servers_for_a_guest()


async def test_a_broker_without_management_is_emptied_for_each_test(amqp_url: str) -> None:
    server = BrokerServer(amqp_url, management=None)
    async with await aio_pika.connect(amqp_url) as connection:
        channel = await connection.channel()
        for queue in QUEUES:
            await channel.declare_queue(queue, durable=True)
            await channel.default_exchange.publish(aio_pika.Message(b"{}"), routing_key=queue)
    assert await server.new_vhost(emptied=True) == amqp_url
    async with await aio_pika.connect(amqp_url) as connection:
        channel = await connection.channel()
        for queue in QUEUES:
            with pytest.raises(aio_pika.exceptions.ChannelNotFoundEntity):
                await (await connection.channel()).get_queue(queue)
        assert not channel.is_closed
