"""The supervisor's promises about servers and what is left behind, without any service."""

import asyncio
import json
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import aio_pika
import asyncpg
import pytest

from stack.environment import base_environment
from stack.errors import ChildFailed, StackError
from stack.postgres import EmbeddedPostgres
from stack.rabbitmq import Node, private_rabbitmq
from stack.rundir import RUNS, RunDir
from tests.conftest import MakeStack

TIMEOUT = 120.0


async def count(url: str) -> int:
    connection = await asyncpg.connect(url)
    try:
        return int(await connection.fetchval("SELECT count(*) FROM proof"))
    finally:
        await connection.close()


async def test_a_killed_postgres_has_what_it_confirmed(run_dir: RunDir) -> None:
    server = EmbeddedPostgres(run_dir, "postgres-crash")
    await server.start()
    try:
        connection = await asyncpg.connect(server.address.url())
        await connection.execute("CREATE TABLE proof AS SELECT generate_series(1, 1000)")
        await server.kill()
        with pytest.raises((OSError, asyncpg.PostgresError)):
            await asyncpg.connect(server.address.url())
        connection.terminate()
        await server.start()
        assert await count(server.address.url()) == 1000
    finally:
        await server.close()


async def publish(node: Node, vhost: str) -> None:
    async with await aio_pika.connect(node.url(vhost)) as connection:
        channel = await connection.channel()
        await channel.declare_queue("kept", durable=True, arguments={"x-queue-type": "quorum"})
        message = aio_pika.Message(b"{}", delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
        await channel.default_exchange.publish(message, routing_key="kept")


async def kept(node: Node, vhost: str) -> bool:
    """Whether the message is there; a quorum queue takes a moment to have a leader again."""
    try:
        async with await aio_pika.connect(node.url(vhost)) as connection:
            channel = await connection.channel()
            queue = await channel.get_queue("kept")
            return await queue.get(fail=False) is not None
    except (aio_pika.exceptions.AMQPError, TimeoutError):
        return False


async def test_a_killed_rabbitmq_has_what_it_confirmed(run_dir: RunDir) -> None:
    node = private_rabbitmq(run_dir, "rabbitmq-crash")
    await node.start()
    try:
        await node.management.create_vhost("crash")
        await publish(node, "crash")
        await node.kill()
        with pytest.raises(OSError):
            await aio_pika.connect(node.url("crash"))
        await node.start()
        deadline = time.monotonic() + TIMEOUT
        while not await kept(node, "crash"):
            assert time.monotonic() < deadline, "the message is gone"
            await asyncio.sleep(0.1)
    finally:
        await node.close()


async def test_a_stack_on_the_runs_servers_has_a_place_of_its_own(make_stack: MakeStack) -> None:
    first, second = await make_stack([]), await make_stack([])
    assert first.database_url != second.database_url
    assert first.amqp_url != second.amqp_url
    with pytest.raises(StackError, match="PostgreSQL of its own"):
        await first.kill_postgres()


async def test_an_unknown_service_is_named(make_stack: MakeStack) -> None:
    with pytest.raises(StackError, match="'dialer' is no service"):
        await make_stack(["dialer"])


async def test_a_service_that_refuses_its_settings_is_reported(make_stack: MakeStack) -> None:
    with pytest.raises(ChildFailed, match="reaper ended with status 2"):
        await make_stack(["reaper"], {"DATABASE_URL": None})


SERVERS = """
    import asyncio, json, sys
    from stack.brokers import BrokerServer
    from stack.databases import DatabaseServer
    from stack.entry import supervise
    from stack.rundir import RunDir

    async def main():
        run = RunDir("left-behind")
        postgres, rabbitmq = await asyncio.gather(DatabaseServer.open(run), BrokerServer.open(run))
        try:
            pids = [postgres.own.child.pid, *(child.pid for child in rabbitmq.own.children)]
            print(json.dumps({"pids": pids, "state": str(run.state), "name": run.name}), flush=True)
            await asyncio.sleep(600)
        finally:
            await postgres.close()
            await rabbitmq.close()
            run.release(keep_logs=False)

    sys.exit(supervise(main))
"""


def everybody_below(pid: int) -> set[int]:
    found = {pid}
    for listing in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in listing.read_text().split():
            found |= everybody_below(int(child))
    return found


def alive(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.parametrize("ending", ["kill", "terminate"])
def test_no_server_outlives_the_program_that_started_it(ending: str) -> None:
    """Else every run that is cut short leaves a PostgreSQL and a RabbitMQ running on the machine."""
    supervisor = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(SERVERS)], env=base_environment(), stdout=subprocess.PIPE, text=True
    )
    with supervisor:
        assert supervisor.stdout is not None
        told = json.loads(supervisor.stdout.readline())
        family = everybody_below(supervisor.pid)
        assert family >= set(told["pids"])
        getattr(supervisor, ending)()
    deadline = time.monotonic() + TIMEOUT
    while left := [pid for pid in family if alive(pid)]:
        assert time.monotonic() < deadline, f"still running: {left}"
        time.sleep(0.05)
    RunDir("sweeper").release(keep_logs=False)
    assert not Path(told["state"]).exists()
    RunDir(told["name"]).release(keep_logs=False)
    assert not (RUNS / told["name"]).exists()
