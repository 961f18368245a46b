"""`python -m stack up`: the whole system on this machine until Ctrl-C, with the simulator in Twilio's place."""

import asyncio
from contextlib import ExitStack

from rich.console import Console

from stack.errors import StackError
from stack.given import given, places_for_good
from stack.system import ALL_SERVICES, Stack

LOOK_EVERY = 1.0

console = Console(highlight=False, soft_wrap=True)


async def up() -> int:
    """Return never by itself; StackError if something would not start or a service dies."""
    with ExitStack() as spinner:
        spinner.enter_context(console.status("starting PostgreSQL, RabbitMQ, the simulator and four services"))
        async with Stack(name="up", **await places_for_good()) as stack:
            spinner.close()
            await tell(stack)
            return await watch(stack)


async def tell(stack: Stack) -> None:
    business_id = await stack.client("platform_admin").create_business("Local", default_region="IL")
    token = stack.token("admin", business_id)
    for name in ALL_SERVICES:
        console.print(f"  {name:<11} {stack.url(name)}")
    console.print(f"  PostgreSQL  {stack.database_url}")
    console.print(f"  RabbitMQ    {stack.amqp_url}")
    console.print(f"  API pages   {stack.url('api')}/docs")
    console.print(f"  logs        {stack.run.logs}")
    if given("DATABASE_URL") is None:
        console.print("  The data go when the system does; set DATABASE_URL to keep them.")
    console.print(f"\nToken of a platform_admin:\n{stack.token('platform_admin')}")
    console.print(f"\nToken of an admin of business {business_id} (both are good for a day):\n{token}")
    body = '{"leads": [{"phone": "+1 212 555 0147", "name": "Ada"}]}'
    console.print(
        f"\nTry:\ncurl -s {stack.url('api')}/api/leads -H 'Content-Type: application/json' "
        f"-H 'Authorization: Bearer {token}' -d '{body}'\n\nCtrl-C ends it."
    )


async def watch(stack: Stack) -> int:
    """Return never; StackError, with the end of its log, when a service dies."""
    while True:
        for name in ALL_SERVICES:
            child = stack.service(name).child
            if not child.running:
                raise StackError(f"{name} ended with status {child.returncode}\n{child.tail()}")
        await asyncio.sleep(LOOK_EVERY)
