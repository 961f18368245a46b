"""What one call costs in statements, messages and HTTP requests, once a campaign is under way: counted, never timed."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from collections.abc import AsyncIterator

import aio_pika
import asyncpg
import pytest

from stack.brokers import BrokerServer
from stack.databases import Database, DatabaseServer
from stack.ports import free_port
from stack.rundir import RunDir
from stack.system import Stack
from tests.integration.campaigns import FROM_NUMBER, campaigns_in
from tests.integration.counts.provider import PATIENCE, provider_on

CALLS = 10
STATEMENTS_OF_A_CALL = {
    "claim": 1,
    "record of the create's answer": 1,
    "record of a callback": 3,
    "search for what a call says": 1,
}
HOT = {
    r"FROM ringfence_claim\(": "claim",
    r"FROM ringfence_record_dials\(": "record of the create's answer",
    r"FROM ringfence_record_callbacks\(": "record of a callback",
    r"c\.dial_token = ANY": "search for what a call says",
}
BACKGROUND = re.compile(
    r"ringfence_renew_lease|ringfence_beat|^SELECT \$?\d+$|pg_catalog|pg_stat_statements|^SELECT current_setting"
)
"""The lease, the beat, whether the database is there, and what a driver asks of a new connection."""

COUNTS = """
    SELECT query, calls FROM pg_stat_statements
    WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) AND userid <> current_user::regrole
"""
RECORDED = "SELECT count(*) FROM calls WHERE call_sid IS NOT NULL AND state = 'accepted'"
UNDISTURBED = {
    "CALLS_PER_SECOND": "1000",
    "HEARTBEAT_INTERVAL": "3600",  # after the one at takeover only hints cause a look
    "NUDGE_AFTER": "7200",
    "STALE_AFTER": "14400",
    "LEASE_SECONDS": "600",
    "SEND_WITHIN": "120",
    "DIAL_TIMEOUT": "120",
    "TWILIO_FROM_NUMBER": FROM_NUMBER,
}


@pytest.fixture
async def counted_database() -> AsyncIterator[Database]:
    """A database on a server of its own that counts statements; those of its owner are the services'."""
    run = RunDir("counted-database")
    server = await DatabaseServer.open(run)
    try:
        assert server.own is not None
        administrator = await asyncpg.connect(server.admin_url)
        await administrator.execute("ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements'")
        await administrator.close()
        await server.own.stop()
        await server.own.start()
        yield await server.new_database()
    finally:
        await server.close()
        run.release()


def _statements(rows: list[asyncpg.Record]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for row in rows:
        text = " ".join(row["query"].split())
        names = [name for pattern, name in HOT.items() if re.search(pattern, text)]
        if names or not BACKGROUND.search(text):
            counts[names[0] if names else text] += row["calls"]
    return counts


async def _settled(connection: asyncpg.Connection) -> Counter[str]:
    """The counts at a moment at which one call lives, its answer recorded, and nothing is under way."""
    deadline = time.monotonic() + PATIENCE
    while await connection.fetchval(RECORDED) != 1:
        assert time.monotonic() < deadline, "the create's answer is not recorded"
        await asyncio.sleep(0.05)
    return _statements(await connection.fetch(COUNTS))


async def test_a_call_costs_six_statements_one_message_and_one_request(
    counted_database: Database, rabbitmq_server: BrokerServer
) -> None:
    """Breaks when something is asked twice, in a transaction of its own, or published to nobody's use.

    Fewer is fine: write the new number down.
    """
    vhost = await rabbitmq_server.new_vhost(emptied=True)
    settings = UNDISTURBED | {"TWILIO_API_URL": f"http://127.0.0.1:{free_port()}"}
    stack = Stack([], settings, database_url=counted_database.url, amqp_url=vhost, name="cost-of-a-call")
    account, token = stack.secrets["TWILIO_ACCOUNT_SID"], stack.secrets["TWILIO_AUTH_TOKEN"]
    port = int(settings["TWILIO_API_URL"].rpartition(":")[2])
    try:
        async with (
            stack,
            provider_on(port, account, token) as provider,
            campaigns_in(counted_database.superuser_url) as campaigns,
        ):
            connection = campaigns.connection
            await connection.execute("CREATE EXTENSION pg_stat_statements")
            await stack.start("webhook")
            await campaigns.run(await campaigns.business(cap=1), CALLS + 5)
            await stack.start("dispatcher")
            broker = await aio_pika.connect(vhost)
            async with broker:
                copies = await _copies(broker)
                await provider.tell_life(await provider.next_call())  # connections are open and plans are made
                call = await provider.next_call()
                before = await _settled(connection)
                asked = len(provider.requests)
                for _ in range(CALLS):
                    await provider.tell_life(call)
                    call = await provider.next_call()
                    after = await _settled(connection)  # else the first callback may meet the record of the answer
                spent = after - before
                assert spent == {name: CALLS * count for name, count in STATEMENTS_OF_A_CALL.items()}
                assert provider.requests[asked:] == ["POST Calls.json"] * CALLS
                keys = [await asyncio.wait_for(copies.get(), PATIENCE) for _ in range(1 + CALLS)]
                assert keys == ["slot.released"] * (1 + CALLS)
                assert copies.empty()
    finally:
        await rabbitmq_server.drop_vhost(vhost)


async def _copies(broker: aio_pika.abc.AbstractConnection) -> asyncio.Queue[str | None]:
    """The routing keys of all messages from now on, copied to a queue of the test's own."""
    keys: asyncio.Queue[str | None] = asyncio.Queue()
    channel = await broker.channel()
    queue = await channel.declare_queue(exclusive=True)
    await queue.bind("ringfence.events", routing_key="#")

    async def note(message: aio_pika.abc.AbstractIncomingMessage) -> None:
        keys.put_nowait(message.routing_key)

    await queue.consume(note, no_ack=True)
    return keys
