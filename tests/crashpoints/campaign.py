"""One small campaign with everything in it.

Lost and refused creates, lost callbacks, a cancel, a stop, a forced end with hang-ups, a call given up by hand, a
message that nobody can read, and a database that is not the one of before. Whatever is to happen in it is waited for,
so that no point is passed by luck.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import aio_pika
import orjson

from shared import topology
from stack.system import Stack
from tests.acceptance.business import FOR_EVER, TWIML, Business, Run
from tests.acceptance.waiting import eventually
from tests.crashpoints.client import PatientClient
from tests.crashpoints.hand import Hand
from tests.crashpoints.rig import RESEAL, STANDBY, WORD, Rig, next_account
from tests.crashpoints.scenes import Scenes

CAP = 8
RUNS = {"main": 7, "cancelled": 4, "forced": 2, "stopped": 3, "abandoned": 1}
"""How many leads each has."""


@dataclass
class Campaign:
    """The campaign under way; what operators did is written to `actions`."""

    rig: Rig
    scenes: Scenes
    actions: Path
    runs: dict[str, Run] = field(default_factory=dict)
    business: Business = field(init=False)
    untold: dict[int, str] = field(init=False)

    @property
    def stack(self) -> Stack:
        return self.rig.stack

    @property
    def hand(self) -> Hand:
        return Hand(self.stack.database_url)

    async def play(self) -> None:
        """From the first request to rest."""
        self.business = await self._make_business()
        await self._start_runs()
        await self._quiet()
        await self._wake_dispatchers()
        await asyncio.gather(self._cancel(), self._stop(), self._force(), self._abandon(), self._babble())
        await self._outlive()
        await self._busy()
        await self._rest()
        await eventually(self.rig.is_awake, "the thaw of what was frozen")
        await self._last()

    async def _make_business(self) -> Business:
        if await self.rig.clear(*(("reaper", "dispatcher") if self.scenes.quiet else ())):
            await self.hand.distrust()
        await self.rig.start("api", "webhook")
        await eventually(self.stack.service("webhook").answers, "a webhook service that takes callbacks")
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
        self.untold = await self.business.leads(1)
        await self._rules({name: list(ring.values()) for name, ring in leads.items()}, *self.untold.values())
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

    async def _rules(self, phones: dict[str, list[str]], lost: str) -> None:
        """How the provider treats these numbers; nobody dials them yet."""
        unheard, unmade, unwanted, silent, *_ = phones["main"]
        (given_up,) = phones["abandoned"]
        rule = self.business.rule
        for phone in (unheard, lost):
            await rule("reset_after_accept", match={"to": phone}, times=1)
            await rule("callback_lost", match={"to": phone})
            await rule("outcome", match={"to": phone}, outcome="busy")
        await rule("reset_before_accept", match={"to": unmade}, times=1)
        await rule("error", match={"to": unwanted}, code=21211, status=400, message="not a number")
        await rule("callback_lost", match={"to": silent})
        await rule("outcome", match={"to": silent}, outcome="no_answer", ring_seconds=5)
        await rule("reset_before_accept", match={"to": given_up}, times=1)
        for phone in (given_up, lost):
            await rule("http_500_before_accept", match={"to": phone, "op": "list"})
        for phone in phones["forced"]:
            await rule("outcome", match={"to": phone}, **FOR_EVER)
        await rule("outcome", outcome="answered", ring_seconds=5, talk_seconds=40)

    async def _quiet(self) -> None:
        """Runs with nothing open, and runs that look running but were not beaten for an hour, while nobody dials."""
        client = self.business.client
        if self.scenes.quiet:
            await self.hand.empty((await self._begin("hollow")).id)
        assert (await client.request("POST", "/api/outbound/runs/reconcile")).status in (200, 429)
        if self.scenes.quiet:
            await eventually(partial(self._is_corrected, await self._forgotten("stale")), "the API's correction")
        await self.rig.start("reaper")
        if self.scenes.quiet:
            stale = await self._forgotten("stale for the reaper")
            await eventually(partial(_is_over, stale), "the correction of a stale run")
            await eventually(partial(self.hand.is_nudged, self.runs["main"].id), "a nudge of a run nobody looks after")

    async def _forgotten(self, name: str) -> Run:
        run = await self._begin(name)
        await self.hand.forget(run.id)
        return run

    async def _is_corrected(self, run: Run) -> bool:
        """Ask for the active runs, which corrects stale ones unless the API saw the database away just now."""
        assert (await self.business.client.request("GET", "/api/outbound_calls/jobs/active")).status == 200
        return await _is_over(run)

    async def _wake_dispatchers(self) -> None:
        await self.rig.start("dispatcher")
        if self.scenes.standby:
            await eventually(self._is_first, "the lease in the first dispatcher's hand, or its fault")
            await self.rig.start(STANDBY)

    async def _is_first(self) -> bool:
        """Whether the dispatcher holds the lease, or what was to strike it has struck before."""
        if self.rig.struck or not await self.rig.is_awake():
            return True
        return (await self.hand.holder()).endswith(f":{self.stack.service('dispatcher').child.pid}")

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
        """The provider cannot say what became of the call, so nobody but an operator can end it."""
        run = self.runs["abandoned"]

        async def given_up() -> bool:
            for call in await run.calls():
                if call["state"] == "uncertain":
                    answer = await self.business.client.request("POST", f"/api/calls/{call['call_id']}/abandon")
                    assert answer.status in (200, 409), answer
                    if answer.status == 200:
                        self._note("abandon", call_id=call["call_id"])
            return await _is_over(run)

        await eventually(given_up, "the end of a call of unknown fate")

    def _note(self, kind: str, **ids: int) -> None:
        with self.actions.open("ab") as file:
            file.write(orjson.dumps({"kind": kind, "answered_at": time.time(), **ids}) + b"\n")

    async def _babble(self) -> None:
        """A message that nobody can read."""
        await topology.declare_topology(self.stack.amqp_url)
        async with await aio_pika.connect(self.stack.amqp_url) as connection:
            channel = await connection.channel()

            async def dead() -> int:
                return (
                    await channel.declare_queue(topology.DISPATCHER_DEAD, passive=True)
                ).declaration_result.message_count or 0

            before = await dead()
            exchange = await channel.get_exchange(topology.EVENTS)
            await exchange.publish(aio_pika.Message(b"not a hint"), "run.created")

            async def is_dead() -> bool:
                return await dead() > before

            await eventually(is_dead, "the end of an unreadable message among the dead letters")

    async def _outlive(self) -> None:
        """A call that was made, whose end no callback tells and no list shows."""
        if not self.scenes.outlived:
            return
        run = await self._begin("outlived", self.untold)

        async def is_over_there() -> bool:
            placed = await run.placed()
            return bool(placed) and all(call.ended for call in placed)

        await eventually(is_over_there, "the end of the call at the provider")

        async def is_over() -> bool:
            await self.hand.outlive(run.id)
            return await _is_over(run)

        await eventually(is_over, "the end of a call that outlived every limit")

    async def _busy(self) -> None:
        """A claim that cannot be made because somebody holds the table, and that is handed back unsent."""
        if self.scenes.busy:
            async with self.hand.calls_locked():
                await self._begin("busy")
                await eventually(self.hand.is_disowning, "a claim that is to be handed back")

    async def _rest(self) -> None:
        for run in self.runs.values():
            await eventually(partial(_is_over, run), f"the end of run {run.id}")
        if self.scenes.rotation:
            await self.rig.operate(RESEAL)
        if self.scenes.ending:
            await self.rig.end("dispatcher")
            await self.rig.start("dispatcher")

    async def _last(self) -> None:
        """Whoever was hurt dials again."""
        last = await (self._begin_in_doubt("last") if self.scenes.word else self._begin("last"))
        await eventually(partial(_is_over, last), "the end of the last run")

    async def _begin_in_doubt(self, name: str) -> Run:
        """Begin a run over a database that only an operator can vouch for, since the provider lists nothing."""
        rule = {"mode": "http_500_before_accept", "match": {"account": self.business.account, "op": "list"}}
        (mute,) = await self.stack.simulator.add_rules(rule)
        await self.rig.end("dispatcher")
        await self.hand.distrust()
        run = await self._begin(name)
        await self.rig.start("dispatcher")
        await eventually(self.hand.is_doubted, "the dispatcher's doubt")
        await self.rig.operate(WORD)
        await self.stack.simulator.remove_rules(mute)
        return run


async def _is_rung(run: Run) -> bool:
    return bool(await run.creates()) or await _is_over(run)


async def _is_answered(run: Run) -> bool:
    """Whether somebody talks who will not be told `<Hangup/>` any more, so that a hang-up is needed."""
    return any(call["answered_at"] for call in await run.calls()) or await _is_over(run)


async def _is_over(run: Run) -> bool:
    shown = await run.shown()
    return bool(shown["ended_at"]) and all(call["ended_at"] for call in await run.calls())
