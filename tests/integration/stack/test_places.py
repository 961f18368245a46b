"""The databases and virtual hosts that tests are given."""

import aio_pika
import asyncpg

from stack.brokers import BrokerServer
from stack.databases import DatabaseServer


async def test_an_empty_database_belongs_to_an_ordinary_role(empty_database_url: str) -> None:
    connection = await asyncpg.connect(empty_database_url)
    try:
        role = await connection.fetchrow(
            "SELECT rolsuper, rolcreaterole, rolbypassrls FROM pg_roles WHERE rolname = current_user"
        )
        await connection.execute("CREATE TABLE proof (id int)")
    finally:
        await connection.close()
    assert tuple(role) == (False, True, False)


async def test_databases_do_not_see_each_other(postgres_server: DatabaseServer) -> None:
    first, second = [await postgres_server.new_database(migrated=False) for _ in range(2)]
    connection = await asyncpg.connect(first.url)
    await connection.execute("CREATE TABLE proof (id int)")
    await connection.close()
    other = await asyncpg.connect(second.url)
    seen = await other.fetchval("SELECT to_regclass('proof')")
    await other.close()
    for database in (first, second):
        await postgres_server.drop(database)
    assert seen is None


async def test_what_was_confirmed_is_on_disk(postgres_server: DatabaseServer) -> None:
    connection = await asyncpg.connect(postgres_server.admin_url)
    try:
        settings = [await connection.fetchval(f"SHOW {name}") for name in ("fsync", "synchronous_commit")]
    finally:
        await connection.close()
    assert settings == ["on", "on"]


async def test_a_virtual_host_starts_without_anybodys_queues(amqp_url: str, rabbitmq_server: BrokerServer) -> None:
    other = await rabbitmq_server.new_vhost()
    for url, passive in ((other, False), (amqp_url, False)):
        connection = await aio_pika.connect(url)
        async with connection:
            channel = await connection.channel()
            queue = await channel.declare_queue(
                "dispatcher", passive=passive, durable=True, arguments={"x-queue-type": "quorum"}
            )
            assert queue.declaration_result.message_count == 0
            await channel.default_exchange.publish(aio_pika.Message(b"{}"), routing_key="dispatcher")
    await rabbitmq_server.drop_vhost(other)
