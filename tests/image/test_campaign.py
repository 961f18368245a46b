"""A campaign in hardened containers, against real servers, from an empty database to a clean end."""

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import aiohttp

from stack.client import Client, mint_token
from stack.ports import free_port
from tests.acceptance.waiting import eventually
from tests.image.containers import Container

SERVICES = ("api", "webhook", "dispatcher", "dispatcher", "reaper")
PHONES = [f"+97250123456{last}" for last in range(6)]
QUICK = {
    "CALLS_PER_SECOND": "100",
    "SIM_CPS": "100",
    "SIM_TIME_SCALE": "100",
    "LEASE_SECONDS": "60",
    "STALE_AFTER": "600",
    "SEND_WITHIN": "10",
    "LOG_LEVEL": "DEBUG",
}
OVER = ("completed", "cancelled", "stopped", "failed")
PATIENCE = 600.0


async def answers(url: str) -> bool:
    try:
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False


async def test_a_campaign_runs_in_hardened_containers(
    places: dict[str, str],
    account: dict[str, str],
    containers: list[Container],
    secret_files: Callable[[Mapping[str, str]], Path],
) -> None:
    """Read-only, without capabilities, secrets as files; two dispatchers; each ends cleanly when it is told to."""
    secrets = secret_files(places | account)
    kinds = (*SERVICES, "simulator")
    ports = [free_port() for _ in kinds]
    urls = [f"http://127.0.0.1:{port}" for port in ports]
    settings = {**QUICK, "HOST": "127.0.0.1", "WEBHOOK_PUBLIC_URL": urls[1], "TWILIO_API_URL": urls[-1]}

    for _ in range(2):
        migrated = await asyncio.to_thread(Container("shared.migrations", {}, secrets).run)
        assert migrated.returncode == 0, migrated.stdout + migrated.stderr

    named = {name: value for name, value in account.items() if name.startswith("TWILIO_")}
    for kind, port in zip(kinds, ports, strict=True):
        module, own = ("simulator", named) if kind == "simulator" else (f"services.{kind}", {})
        container = Container(module, settings | own | {"PORT": str(port)}, secrets)
        containers.append(container)
        await asyncio.to_thread(container.start)
    for container, url in zip(containers, urls, strict=True):
        await eventually(partial(answers, f"{url}/readyz"), f"{container.module} is ready", timeout=PATIENCE)
        assert container.execute(["python", "healthcheck.py"]).returncode == 0

    platform = Client(urls[0], mint_token(account["JWT_SECRET"], "platform_admin"))
    business = await platform.create_business("Falafel Ltd", max_concurrent_calls=3, calls_per_second=100)
    client = Client(urls[0], mint_token(account["JWT_SECRET"], "operator", business))
    started = await client.start_run(await client.add_leads(PHONES), twiml="<Response><Say>Hello</Say></Response>")

    async def over() -> bool:
        return (await client.run(started["run_id"]))["status"] in OVER

    await eventually(over, "the run is over", timeout=PATIENCE)
    run = await client.run(started["run_id"])
    assert (run["status"], run["cursor_position"]) == ("completed", len(PHONES))

    for container in containers:
        assert await container.stop() == 0, f"{container.module}: {container.log()[-2000:]}"
