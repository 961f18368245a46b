"""The end of a run: everything is healed, and all that goes on must come to rest by itself.

One thing may need a hand, as in life: a call of unknown fate while the provider lists somebody else's call between the
same numbers beside it. Nobody can tell the two apart, so that an operator gives it up.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

import aio_pika
import asyncpg

from chaos.babble import BODY
from chaos.crew import ACTIVE, CREW, DISPATCHERS, Crew
from chaos.links import Links
from chaos.operators import Operators
from chaos.stage import Stage
from chaos.tenants import Tenant
from history.ledger import read_ledger

DEAD_LETTERS = "dispatcher.dead"
LOOK_EVERY = 0.5
READY_TIMEOUT = 120.0
GAUGES_TIMEOUT = 150.0
GAUGES = ("ringfence_calls_live", "ringfence_calls_uncertain", "ringfence_jobs_queued")
UNDECIDABLE_AFTER = "20 s"
UNDER_WAY = """
SELECT (SELECT count(*) FROM outbound_call_runs WHERE ended_at IS NULL)
    + (SELECT count(*) FROM calls WHERE ended_at IS NULL OR next_check_at IS NOT NULL OR hangup_at IS NOT NULL)
"""
UNSURE = f"""
SELECT c.id, c.business_id, c.to_number AS "to", a.account_sid AS account
FROM calls c JOIN accounts a ON a.id = c.account_id
WHERE c.state = 'uncertain' AND c.deadline + c.dial_timeout < now() - interval '{UNDECIDABLE_AFTER}'
"""  # noqa: S608 - a constant


@dataclass
class Rest:
    """Waits for the end, and complains of what keeps it from being a good one."""

    stage: Stage
    crew: Crew
    links: Links
    operators: Operators
    tenants: list[Tenant]

    async def come(self, timeout: float) -> None:
        """Wait until nothing is under way, for `timeout` seconds at most."""
        began = time.monotonic()
        await self._until_ready()
        await self._until_quiet(began + timeout)
        self.stage.notes.tell("rest", seconds=round(time.monotonic() - began, 1))
        await self._until_gauges_agree()
        await self._read_dead_letters()

    async def _until_ready(self) -> None:
        deadline = time.monotonic() + READY_TIMEOUT
        while not all((ready := await self.crew.ready()).values()):
            if time.monotonic() > deadline:
                for name in (name for name, answers in ready.items() if not answers):
                    self.stage.notes.complain(f"{name} is not ready {READY_TIMEOUT:g} s after everything was healed")
                return
            await asyncio.sleep(LOOK_EVERY)

    async def _until_quiet(self, deadline: float) -> None:
        connection = await asyncpg.connect(self.stage.stack.database_url)
        try:
            while under_way := await connection.fetchval(UNDER_WAY):
                if time.monotonic() > deadline:
                    self.stage.notes.complain(
                        f"{under_way} runs and calls are still under way, and do not come to rest"
                    )
                    return
                await self._give_up_undecidable(connection)
                await asyncio.sleep(LOOK_EVERY)
        finally:
            await connection.close()

    async def _give_up_undecidable(self, connection: asyncpg.Connection) -> None:
        unsure = await connection.fetch(UNSURE)
        if not unsure:
            return
        foreign = {(call.to, call.account) for call in read_ledger(self.stage.ledger).foreign}
        for call in unsure:
            if (call["to"], call["account"]) in foreign:
                tenant = next(tenant for tenant in self.tenants if tenant.id == call["business_id"])
                await self.operators.give_up(tenant, call["id"])
                self.stage.notes.count("given_up_as_undecidable", call_id=call["id"])

    async def _until_gauges_agree(self) -> None:
        """The gauges are a little behind what they tell of."""
        deadline = time.monotonic() + GAUGES_TIMEOUT
        while wrong := await self._wrong_gauges():
            if time.monotonic() > deadline:
                for complaint in wrong:
                    self.stage.notes.complain(complaint)
                return
            await asyncio.sleep(LOOK_EVERY)

    async def _wrong_gauges(self) -> list[str]:
        found = {name: await self.crew.metrics(name) for name in CREW}
        wrong = [
            f"{name} shows {gauge} {found[name].get(gauge)} at rest"
            for name in ("api", "reaper")
            for gauge in GAUGES
            if found[name].get(gauge) != 0
        ]
        active = sum(found[name].get(ACTIVE, 0) for name in DISPATCHERS)
        return wrong if active == 1 else [*wrong, f"{active:g} dispatchers say that they dial"]

    async def _read_dead_letters(self) -> None:
        """Messages that nobody could read; those that were meant to be so are counted."""
        async with await aio_pika.connect(self.stage.stack.amqp_url) as connection:
            queue = await (await connection.channel()).get_queue(DEAD_LETTERS)
            while (message := await queue.get(fail=False)) is not None:
                await message.ack()
                if message.body == BODY:
                    self.stage.notes.count("dead_letter")
                else:
                    self.stage.notes.complain(f"a message was given up: {message.body[:200]!r}")
