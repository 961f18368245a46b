"""One small campaign with everything in it.

Lost and refused creates, lost callbacks, a cancel, a stop, a forced end with hang-ups, a call given up by hand, a
message that nobody can read, and a database that is not the one of before.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import aio_pika
import asyncpg
import orjson

from stack.system import Stack
from tests.acceptance.business import FOR_EVER, TWIML, Business, Run
from tests.acceptance.waiting import eventually
from tests.crashpoints.client import PatientClient
from tests.crashpoints.points import Fault
from tests.crashpoints.rig import STANDBY, Rig, next_account

CAP = 8
RUNS = {"main": 7, "cancelled": 4, "forced": 2, "stopped": 3, "abandoned": 1}
"""How many leads each has."""

LOCKED_SECONDS = 2.5
"""Longer than a statement waits for a lock."""

QUIET_STEPS = {"api.reconcile", "api.stale", "corrections.stale", "reaper.stale", "reaper.nudge"}
BUSY_STEPS = {"dispatcher.disown"}
ENDING_STEPS = {"dispatcher.handover"}


@dataclass(frozen=True)
class Scenes:
    """What a campaign shows beside its plot, because it takes time: scenes in which few points lie."""

    quiet: bool
    busy: bool
    ending: bool
    standby: bool

    @classmethod
    def needed(cls, *faults: Fault, standby: bool) -> Scenes:
        """The scenes in which these faults may strike."""
        steps = {fault.point.step for fault in faults}
        return cls(bool(steps & QUIET_STEPS), bool(steps & BUSY_STEPS), bool(steps & ENDING_STEPS), standby)


ALL_SCENES = Scenes(quiet=True, busy=True, ending=True, standby=False)


@dataclass
class Campaign:
    """The campaign under way; what operators did is written to `actions`."""

    rig: Rig
    scenes: Scenes
    actions: Path
    runs: dict[str, Run] = field(default_factory=dict)
    business: Business = field(init=False)

    @property
    def stack(self) -> Stack:
        return self.rig.stack

    async def play(self) -> None:
        """From the first request to rest."""
        self.business = await self._make_business()
        await self._start_runs()
        await self._quiet()
        await self._wake_dispatchers()
        await asyncio.gather(self._cancel(), self._stop(), self._force(), self._abandon(), self._babble())
        await self._busy()
        await self._rest()
        await eventually(self.rig.is_awake, "the thaw of what was frozen")
        last = await self._begin("last")
        await eventually(partial(_is_over, last), "the end of the last run")

    async def _make_business(self) -> Business:
        if await self.rig.clear(*(("reaper", "dispatcher") if self.scenes.quiet else ())):
            await _distrust(self.stack)
        await self.rig.start("api", "webhook")
        account = next_account()
        admin = PatientClient(self.stack.url("api"), self.stack.token("platform_admin"))
        twilio = {"account_sid": account.sid, "auth_token": account.auth_token, "from_number": account.from_number}
        limits = {"max_concurrent_calls": CAP, "calls_per_second": 200}
        business_id = await admin.create_business("crash points", **limits, twilio=twilio)
        client = PatientClient(self.stack.url("api"), self.stack.token("admin", business_id))
        answer = await client.request("PATCH", f"/api/businesses/{business_id}", json={"locale": "he"})
        assert answer.status == 200
        return Business(self.stack, business_id, account.sid, CAP, client)

    async def _start_runs(self) -> None:
        leads = {name: await self.business.leads(count) for name, count in RUNS.items()}
        content = "phone\n" + "".join(f"{phone}\n" for phone in leads["main"].values())
        await self.business.client.import_leads(content.encode())
        await self._rules(list(leads["main"].values()), list(leads["forced"].values()), *leads["abandoned"].values())
        for name, ring in leads.items():
            await self._begin(name, ring)

    async def _begin(self, name: str, leads: dict[int, str] | None = None) -> Run:
        """Start a run over these leads, or over a new one."""
        ring = leads or await self.business.leads(1)
        body = {"lead_ids": list(ring), "name": name, "twiml": TWIML}
        key = {"Idempotency-Key": uuid.uuid4().hex}
        answer = await self.business.client.request("POST", "/api/outbound_calls/start", json=body, headers=key)
        assert answer.status == 201, answer
        self.runs[name] = Run(self.business, answer.body["run_id"], ring)
        return self.runs[name]

    async def _rules(self, main: list[str], forced: list[str], given_up: str) -> None:
        """How the provider treats these numbers; nobody dials them yet."""
        unheard, unmade, unwanted, untold, *_ = main
        rule = self.business.rule
        await rule("reset_after_accept", match={"to": unheard}, times=1)
        await rule("callback_lost", match={"to": unheard})
        await rule("outcome", match={"to": unheard}, outcome="busy")
        await rule("reset_before_accept", match={"to": unmade}, times=1)
        await rule("error", match={"to": unwanted}, code=21211, status=400, message="not a number")
        await rule("callback_lost", match={"to": untold})
        await rule("outcome", match={"to": untold}, outcome="no_answer", ring_seconds=5)
        await rule("reset_before_accept", match={"to": given_up}, times=1)
        for phone in forced:
            await rule("outcome", match={"to": phone}, **FOR_EVER)
        await rule("outcome", outcome="answered", ring_seconds=5, talk_seconds=40)

    async def _quiet(self) -> None:
        """Runs with nothing open, and runs that look running but were not beaten for an hour, while nobody dials."""
        client = self.business.client
        if self.scenes.quiet:
            await self._empty(await self._begin("hollow"))
            await self._forget(await self._begin("stale"))
        assert (await client.request("POST", "/api/outbound/runs/reconcile")).status in (200, 429)
        assert (await client.request("GET", "/api/outbound_calls/jobs/active")).status in (200, 404)
        await self.rig.start("reaper")
        if self.scenes.quiet:
            stale = await self._begin("stale for the reaper")
            await self._forget(stale)
            await eventually(partial(_is_over, stale), "the correction of a stale run")

    async def _empty(self, run: Run) -> None:
        await _execute(self.stack, "UPDATE outbound_call_jobs SET status = 'cancelled' WHERE run_id = $1", run.id)

    async def _forget(self, run: Run) -> None:
        await _execute(
            self.stack,
            "UPDATE outbound_call_runs SET status = 'running', started_at = now() - interval '1 hour',"
            " last_heartbeat_at = now() - interval '1 hour', nudged_at = now() - interval '1 hour' WHERE id = $1",
            run.id,
        )

    async def _wake_dispatchers(self) -> None:
        await self.rig.start("dispatcher")
        if self.scenes.standby:
            await eventually(self._is_first, "the lease in the first dispatcher's hand, or its fault")
            await self.rig.start(STANDBY)

    async def _is_first(self) -> bool:
        """Whether the dispatcher holds the lease, or what was to strike it has struck before."""
        if self.rig.struck or not await self.rig.is_awake():
            return True
        holder = await _fetch(self.stack, "SELECT holder FROM dispatcher_lease")
        return str(holder).endswith(f":{self.stack.service('dispatcher').child.pid}")

    async def _cancel(self) -> None:
        run = self.runs["cancelled"]
        await eventually(partial(_is_rung, run), "a call of the run to be cancelled")
        await self._end(run, "cancel")

    async def _stop(self) -> None:
        await self._end(self.runs["stopped"], "stop")

    async def _force(self) -> None:
        run = self.runs["forced"]
        await eventually(partial(_is_answered, run), "a call of the run to be ended by force")
        await self._end(run, "force-cancel", hangup="true")

    async def _end(self, run: Run, way: str, **params: str) -> None:
        status, body = await run.ending(way, **params)
        assert status in (200, 409), body
        self._note(way, run_id=run.id)

    async def _abandon(self) -> None:
        run = self.runs["abandoned"]

        async def uncertain() -> dict[str, Any] | None:
            """The call to be given up, or any once it is settled otherwise."""
            calls = [call for call in await run.calls() if call["state"] in ("uncertain", "abandoned", "ended")]
            return calls[0] if calls else None

        call = await eventually(uncertain, "a call of unknown fate")
        answer = await self.business.client.request("POST", f"/api/calls/{call['call_id']}/abandon")
        assert answer.status in (200, 409), answer
        if answer.status == 200:
            self._note("abandon", call_id=call["call_id"])

    def _note(self, kind: str, **ids: int) -> None:
        with self.actions.open("ab") as file:
            file.write(orjson.dumps({"kind": kind, "answered_at": time.time(), **ids}) + b"\n")

    async def _babble(self) -> None:
        """A message that nobody can read."""
        async with await aio_pika.connect(self.stack.amqp_url) as connection:
            exchange = await (await connection.channel()).get_exchange("ringfence.events")
            await exchange.publish(aio_pika.Message(b"not a hint"), "run.created")

    async def _busy(self) -> None:
        """A claim that cannot be made because somebody holds the table, and that is handed back unsent."""
        if not self.scenes.busy:
            return
        connection = await asyncpg.connect(self.stack.database_url)
        try:
            async with connection.transaction():
                await connection.execute("LOCK TABLE calls IN ACCESS EXCLUSIVE MODE")
                await self._begin("busy")
                await asyncio.sleep(LOCKED_SECONDS)
        finally:
            await connection.close()

    async def _rest(self) -> None:
        for run in self.runs.values():
            await eventually(partial(_is_over, run), f"the end of run {run.id}", timeout=90)
        if self.scenes.ending:
            await self.rig.end("dispatcher")
            await self.rig.start("dispatcher")


async def _is_rung(run: Run) -> bool:
    return bool(await run.creates()) or await _is_over(run)


async def _is_answered(run: Run) -> bool:
    """Whether somebody talks who will not be told `<Hangup/>` any more, so that a hang-up is needed."""
    return any(call["answered_at"] for call in await run.calls()) or await _is_over(run)


async def _is_over(run: Run) -> bool:
    shown = await run.shown()
    return bool(shown["ended_at"]) and all(call["ended_at"] for call in await run.calls())


async def _distrust(stack: Stack) -> None:
    """What the next holder of the lease meets is not the database that the last one knew."""
    await _execute(stack, "UPDATE dispatcher_lease SET identity = 'another/00000001'")


async def _fetch(stack: Stack, statement: str) -> Any:
    connection = await asyncpg.connect(stack.database_url)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


async def _execute(stack: Stack, statement: str, *values: Any) -> None:
    connection = await asyncpg.connect(stack.database_url)
    try:
        await connection.execute(statement, *values)
    finally:
        await connection.close()
