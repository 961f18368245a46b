"""The API as a process: what it needs at start, and what it does while its servers are away."""

from __future__ import annotations

import asyncio
import io
import json
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import aio_pika
import asyncpg
import jwt
import pytest

from stack.client import Client
from stack.environment import base_environment
from stack.ports import free_port
from stack.system import Stack
from tests.integration.api.rig import SECRET, TWIML

NOWHERE = "amqp://127.0.0.1:1/"


async def run_api(*arguments: str, **settings: str) -> tuple[int, str, str]:
    """Run the module until it ends by itself."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "services.api", *arguments),
        env={**base_environment(), **settings},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(), 180)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode or 0, out.decode(), err.decode()


def service_settings(database_url: str) -> dict[str, str]:
    return {
        "DATABASE_URL": database_url,
        "AMQP_URL": NOWHERE,
        "WEBHOOK_PUBLIC_URL": "http://127.0.0.1:9",
        "JWT_SECRET": SECRET,
        "PORT": str(free_port()),
    }


async def until(condition: Callable[[], Awaitable[bool]], timeout: float = 180) -> None:
    deadline = time.monotonic() + timeout
    while not await condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        await asyncio.sleep(0.05)


async def test_a_token_needs_nothing_but_the_secret() -> None:
    status, out, err = await run_api("token", "--business", "7", "--role", "operator", "--sub", "me", JWT_SECRET=SECRET)
    assert (status, err, out.count("\n")) == (0, "", 1)
    claims = jwt.decode(out.strip(), SECRET, ["HS256"])
    assert (claims["sub"], claims["role"], claims["business_id"]) == ("me", "operator", 7)
    status, out, _ = await run_api("token", "--role", "platform_admin", "--ttl", "60", JWT_SECRET=SECRET)
    assert "business_id" not in jwt.decode(out.strip(), SECRET, ["HS256"])


@pytest.mark.parametrize(
    "arguments",
    [
        ["--role", "operator"],
        ["--business", "1"],
        ["--business", "0", "--role", "viewer"],
        ["--business", "x", "--role", "viewer"],
        ["--business", "1", "--role", "root"],
        ["--business", "1", "--role", "platform_admin"],
        ["--business", "1", "--role", "viewer", "--ttl", "-1"],
        ["--business", "1", "--role", "viewer", "--sub", ""],
    ],
)
async def test_a_token_that_makes_no_sense_is_not_printed(arguments: list[str]) -> None:
    status, out, err = await run_api("token", *arguments, JWT_SECRET=SECRET)
    assert (status, out) == (2, "")
    assert "error:" in err.splitlines()[-1]


async def test_a_database_that_was_never_migrated_is_one_line_and_status_3(empty_database_url: str) -> None:
    status, out, _ = await run_api(**service_settings(empty_database_url))
    errors = [line for line in map(json.loads, out.splitlines()) if line["level"] == "ERROR"]
    assert status == 3
    assert [line["event"] for line in errors] == ["SCHEMA_TOO_OLD"]


async def test_an_older_revision_is_status_3(database_url: str, superuser_url: str) -> None:
    from shared.migrations import upgrade

    newest, known = upgrade.known_revisions()
    older = next(iter(known - {newest}), None)
    connection = await asyncpg.connect(superuser_url)
    if older is None:
        await connection.execute("DELETE FROM alembic_version")
    else:
        await connection.execute("UPDATE alembic_version SET version_num = $1", older)
    await connection.close()
    status, _, _ = await run_api(**service_settings(database_url))
    assert status == 3


async def test_isolation_that_is_not_in_force_is_one_line_and_status_1(database_url: str, superuser_url: str) -> None:
    connection = await asyncpg.connect(superuser_url)
    await connection.execute("ALTER TABLE leads DISABLE ROW LEVEL SECURITY")
    await connection.close()
    status, out, _ = await run_api(**service_settings(database_url))
    errors = [line for line in map(json.loads, out.splitlines()) if line["level"] == "ERROR"]
    assert status == 1
    assert [line["event"] for line in errors] == ["ISOLATION_BROKEN"]


async def new_business(stack: Stack) -> tuple[Client, list[int]]:
    connection = await asyncpg.connect(stack.database_url, server_settings={"role": "ringfence_service"})
    business = await connection.fetchval("INSERT INTO businesses (name) VALUES ('B') RETURNING id")
    lead = await connection.fetchval(
        "INSERT INTO leads (business_id, phone) VALUES ($1, '+972501234567') RETURNING id", business
    )
    await connection.close()
    return stack.client("admin", business), [lead]


async def test_without_a_broker_runs_start_and_the_api_says_that_it_is_degraded(database_url: str) -> None:
    async with Stack(["api"], database_url=database_url, amqp_url=NOWHERE, name="api-without-broker") as stack:
        client, leads = await new_business(stack)
        answer = await client.request("POST", "/api/outbound_calls/start", json={"lead_ids": leads, "twiml": TWIML})
        assert answer.status == 201
        ready = await client.request("GET", "/readyz")
        assert (ready.status, ready.body["degraded"]) == (200, ["broker"])

        async def counted() -> bool:
            return (await stack.service("api").metrics())['ringfence_runs{status="pending"}'] == 1

        await until(counted)
        assert (await stack.service("api").metrics())["ringfence_jobs_queued"] <= 1
        too_big = await client.request(
            "POST",
            "/api/outbound_calls/start",
            data=io.BytesIO(b"x" * 10_000_001),
            headers={"Content-Type": "application/json"},
        )
        assert (too_big.status, too_big.body["code"]) == (413, "too_large")

        async def pieces() -> Any:
            for _ in range(12):
                yield b" " * 1_000_000

        unannounced = await client.request(
            "POST", "/api/outbound_calls/start", data=pieces(), headers={"Content-Type": "application/json"}
        )
        assert (unannounced.status, unannounced.body["code"]) == (413, "too_large")
        assert await stack.stop("api") == 0
        assert not [line for line in stack.logs("api") if line["level"] == "ERROR"]


async def test_without_the_database_every_call_is_503_and_it_comes_back_by_itself() -> None:
    async with Stack(["api"], amqp_url=NOWHERE, name="api-without-database") as stack:
        client, leads = await new_business(stack)
        wish = {"lead_ids": leads, "twiml": TWIML}
        calls: list[tuple[str, str, dict[str, Any]]] = [
            ("GET", "/api/outbound/runs", {}),
            ("GET", "/api/outbound/runs/1", {}),
            ("GET", "/api/outbound/runs/1/jobs", {}),
            ("GET", "/api/outbound_calls/jobs/active", {}),
            ("POST", "/api/outbound_calls/start", {"json": wish}),
            ("POST", "/api/outbound_calls/jobs/1/cancel", {}),
            ("POST", "/api/outbound_calls/jobs/1/force-cancel", {}),
            ("POST", "/api/outbound/stop-queue", {"json": {"run_id": 1}}),
            ("POST", "/api/outbound/runs/reconcile", {}),
            ("POST", "/api/calls/1/abandon", {}),
        ]
        await stack.kill_postgres()
        for method, path, options in calls:
            answer = await client.request(method, path, **options)
            assert (answer.status, answer.body["code"]) == (503, "unavailable"), path
            assert int(answer.headers["Retry-After"]) > 0
        ready = await client.request("GET", "/readyz")
        assert (ready.status, ready.body["away"]) == (503, ["database"])
        assert (await client.request("GET", "/healthz")).status == 200
        await stack.start_postgres()
        await until(stack.service("api").answers)
        answer = await client.request("POST", "/api/outbound_calls/start", json=wish)
        assert answer.status == 201
        away = [line for line in stack.logs("api") if line["event"] == "DEPENDENCY_AWAY"]
        assert [line["dependency"] for line in away].count("database") == 1


async def test_a_database_that_is_away_at_start_is_waited_for() -> None:
    async with Stack([], amqp_url=NOWHERE, name="api-before-database") as stack:
        await stack.stop_postgres()
        await stack.start("api", until="/healthz")
        client = stack.client("admin", 1)
        answer = await client.request("GET", "/api/outbound/runs")
        assert (answer.status, answer.body["code"]) == (503, "unavailable")
        await stack.start_postgres()
        await until(stack.service("api").answers)
        assert (await client.request("GET", "/api/outbound/runs")).status == 200
        assert await stack.stop("api") == 0


async def test_a_started_run_is_told_to_the_dispatchers_queue(database_url: str, amqp_url: str) -> None:
    async with Stack(["api"], database_url=database_url, amqp_url=amqp_url, name="api-tells") as stack:
        client, leads = await new_business(stack)
        run_id = (await client.start_run(leads, twiml=TWIML))["run_id"]
        connection = await aio_pika.connect(amqp_url)
        async with connection:
            queue = await (await connection.channel()).get_queue("dispatcher")
            async with asyncio.timeout(180), queue.iterator(no_ack=True) as messages:
                message = await anext(messages)
        assert message.routing_key == "run.created"
        assert json.loads(message.body)["run_id"] == run_id
        assert await stack.stop("api") == 0
