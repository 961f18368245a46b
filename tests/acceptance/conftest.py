"""The whole system, started once for every acceptance test that can share it, and a business for each test."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterator
from typing import Any, Protocol

import asyncpg
import orjson
import pytest

from stack.brokers import BrokerServer
from stack.databases import DatabaseServer
from stack.system import ALL_SERVICES, Stack
from tests.acceptance.business import Account, Business

ACCOUNTS = [
    Account(f"AC{secrets.token_hex(16)}", secrets.token_hex(16), f"+9723700{number:04d}") for number in range(1, 101)
]
"""One for each business that is to have its own: what befalls an account befalls nobody else."""

# What must happen soon is soon here. What must not happen by accident is far away, so that no test rests on the speed
# of the machine: a test that needs it says so to the database (`Business.overdue`, `Run.left_alone`).
QUICK = {
    "CALLS_PER_SECOND": "200",
    "HEARTBEAT_INTERVAL": "0.5",
    "SWEEP_INTERVAL": "0.3",
    "LEASE_SECONDS": "60",
    "NUDGE_AFTER": "2",
    "STALE_AFTER": "600",
    "SEND_WITHIN": "8",
    "DIAL_TIMEOUT": "8",
    "SETTLE_AFTER": "0.5",
    "ABSENT_AFTER": "1",
    "WEBHOOK_GRACE": "2",
    "LOG_LEVEL": "DEBUG",
    "SIM_CPS": "200",
    "MAX_CALL_SECONDS": "86000",
    "SIM_TIME_SCALE": "200",
    "SIM_ACCOUNTS": orjson.dumps(
        [{"sid": one.sid, "auth_tokens": [one.auth_token], "from_numbers": [one.from_number]} for one in ACCOUNTS]
    ).decode(),
}


@pytest.fixture(scope="session")
async def standing_stack(postgres_server: DatabaseServer, rabbitmq_server: BrokerServer) -> AsyncIterator[Stack]:
    """Four services and a simulator that is two hundred times as fast as life."""
    database = await postgres_server.new_database()
    amqp_url = await rabbitmq_server.new_vhost(emptied=True)
    async with Stack(settings=QUICK, database_url=database.url, amqp_url=amqp_url, name="shared-stack") as system:
        yield system
    await rabbitmq_server.drop_vhost(amqp_url)
    await postgres_server.drop(database)


@pytest.fixture
async def shared_stack(standing_stack: Stack) -> AsyncIterator[Stack]:
    """The shared system, whole again after the test, whatever the test has killed."""
    yield standing_stack
    await standing_stack.simulator.remove_rules()
    for name in ALL_SERVICES:
        if not standing_stack.running(name):
            await standing_stack.start(name)


@pytest.fixture(scope="session")
def accounts() -> Iterator[Account]:
    """Accounts that nobody has used yet."""
    return iter(ACCOUNTS)


class MakeBusiness(Protocol):
    """Creates a business, by default with an account of its own."""

    async def __call__(
        self, stack: Stack, *, cap: int = 3, rate: float = 200, own_account: bool = True, **fields: Any
    ) -> Business: ...


async def new_business(
    stack: Stack, name: str, account: Account | None, *, cap: int = 3, rate: float = 200, **fields: Any
) -> Business:
    """A business of this name, on this account or else on the shared one."""
    if account is not None:
        fields["twilio"] = {
            "account_sid": account.sid,
            "auth_token": account.auth_token,
            "from_number": account.from_number,
        }
    limits = {"max_concurrent_calls": cap, "calls_per_second": rate}
    business_id = await stack.client("platform_admin").create_business(name[:100], **limits, **fields)
    sid = account.sid if account else stack.secrets["TWILIO_ACCOUNT_SID"]
    return Business(stack, business_id, sid, cap, stack.client("admin", business_id))


@pytest.fixture
def make_business(request: pytest.FixtureRequest, accounts: Iterator[Account]) -> MakeBusiness:
    """A function that creates businesses, named after the test."""

    async def make(
        stack: Stack, *, cap: int = 3, rate: float = 200, own_account: bool = True, **fields: Any
    ) -> Business:
        account = next(accounts) if own_account else None
        return await new_business(stack, request.node.name, account, cap=cap, rate=rate, **fields)

    return make


@pytest.fixture
async def business(shared_stack: Stack, make_business: MakeBusiness) -> Business:
    """A business in the shared system with an account of its own: 3 calls at once, 200 a second."""
    return await make_business(shared_stack)


@pytest.fixture
async def sql(shared_stack: Stack) -> AsyncIterator[asyncpg.Connection]:
    """A hand on the shared system's database, for what only time or an operator would do."""
    connection = await asyncpg.connect(shared_stack.database_url)
    yield connection
    await connection.close()
