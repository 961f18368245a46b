"""The campaign of the demonstration: a business, its leads from a file, one run."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from stack.client import Client
from stack.errors import StackError
from stack.given import GUEST
from stack.system import Stack

CAP = 10
CALLS_PER_SECOND = 200
TIME_SCALE = 30
SEED = 2
SETTINGS = {
    "CALLS_PER_SECOND": str(CALLS_PER_SECOND),
    "SIM_CPS": str(CALLS_PER_SECOND),
    "SIM_TIME_SCALE": str(TIME_SCALE),
    "SIM_SEED": str(SEED),
}
TWIML = "<Response><Say>Hello from Ringfence. This call was not placed by any telephone company.</Say></Response>"
OVER = ("completed", "cancelled", "stopped", "failed")
LOOK_EVERY = 0.2
RUN_TIMEOUT = 300.0


@dataclass(frozen=True)
class Look:
    """The run and its jobs as the API told them at one moment."""

    run: dict[str, Any]
    jobs: list[dict[str, Any]]

    @property
    def over(self) -> bool:
        return self.run["status"] in OVER


@dataclass(frozen=True)
class Campaign:
    """A run under way, and what became of the file's lines."""

    client: Client
    run_id: int
    imported: dict[str, Any]
    started: dict[str, Any]
    names: dict[int, str]

    async def looks(self) -> AsyncIterator[Look]:
        """What the API says, again and again until the run is over; StackError if it never is."""
        deadline = time.monotonic() + RUN_TIMEOUT
        while True:
            look = Look(await self.client.run(self.run_id), await self.client.jobs(self.run_id))
            yield look
            if look.over:
                return
            if time.monotonic() > deadline:
                raise StackError(f"the run is still {look.run['status']} after {RUN_TIMEOUT:g} s: {look.run}")
            await asyncio.sleep(LOOK_EVERY)


async def begin(stack: Stack, leads_file: bytes, name: str) -> Campaign:
    """Create a business, import the CSV file, and start a run with every lead it holds."""
    business_id = await stack.client("platform_admin").create_business(
        GUEST, max_concurrent_calls=CAP, calls_per_second=CALLS_PER_SECOND, default_region="IL"
    )
    client = stack.client("operator", business_id)
    imported = await client.import_leads(leads_file, f"{name}.csv")
    leads = await client.leads()
    started = await client.start_run([lead["id"] for lead in leads], name=name, twiml=TWIML)
    names = {lead["id"]: lead["name"] or "" for lead in leads}
    return Campaign(client, started["run_id"], imported, started, names)
