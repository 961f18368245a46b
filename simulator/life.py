"""The life of a call: queue, dialling, ringing, talk, end.

Rules: a state is in the ledger before anybody hears of it; a step that the ledger already holds is passed over, so a
call whose process died goes on where it was; a call that an update ends while it is queued tells nobody.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from simulator.call import Call
from simulator.callbacks import Callbacks, Spawn
from simulator.clock import Clock
from simulator.journal import Journal
from simulator.plan import SIP_CANCELLED
from simulator.scripts import Scripts
from simulator.tally import Tally


@dataclass(frozen=True, slots=True)
class End:
    """How a call ended; a silent end sends no callback."""

    outcome: str
    sip_code: int | None = None
    silent: bool = False


Step = Callable[[Call], Awaitable[End | None]]


class Life:
    """Runs calls, one task each."""

    def __init__(
        self,
        clock: Clock,
        journal: Journal,
        callbacks: Callbacks,
        scripts: Scripts,
        tally: Tally,
        spawn: Spawn,
        timeout_buffer: float,
    ) -> None:
        self._clock = clock
        self._journal = journal
        self._callbacks = callbacks
        self._scripts = scripts
        self.tally = tally
        self._spawn = spawn
        self._timeout_buffer = timeout_buffer
        self._steps: tuple[Step, ...] = (self._queue, self._dial, self._ring, self._talk)

    async def live(self, call: Call) -> None:
        """Take a call from where it is to its end."""
        for step in self._steps:
            end = await step(call)
            if end is not None:
                return self._end(call, end)
        return None

    def redirect(self, call: Call, url: str | None, method: str, twiml: str | None) -> None:
        """Carry out new TwiML in place of what an answered call was doing."""
        if call.script is not None:
            call.script.cancel()
        call.script = self._spawn(self._script(call, url, method, twiml))

    async def _queue(self, call: Call) -> End | None:
        if "initiated" in call.entry.states:
            return None
        if not await call.until(lambda: call.starts_at + call.plan.initiated, self._clock):
            return End(call.ending or "canceled", silent=True)
        self._enter(call, "initiated")
        self.tally.dialled(call.entry)
        self._callbacks.notify(call, "initiated", "initiated")
        return None

    async def _dial(self, call: Call) -> End | None:
        if "ringing" in call.entry.states:
            return None
        plan, dialled = call.plan, call.since("initiated", self._clock)
        wait = plan.post_dial if plan.rings else plan.ring
        if not await call.until(lambda: dialled + wait, self._clock):
            return End(call.ending or "canceled", SIP_CANCELLED)
        if not plan.rings:
            return End("failed", plan.sip_code)
        self._enter(call, "ringing")
        self._callbacks.notify(call, "ringing", "ringing")
        return None

    async def _ring(self, call: Call) -> End | None:
        if "in-progress" in call.entry.states:
            return None
        plan, rang = call.plan, call.since("ringing", self._clock)
        longest = call.create.timeout + self._timeout_buffer
        rings_out = plan.outcome == "no_answer" or plan.ring > longest
        wait = longest if rings_out else plan.ring
        if not await call.until(lambda: rang + wait, self._clock):
            return End(call.ending or "canceled", SIP_CANCELLED)
        if rings_out:
            return End("no-answer", SIP_CANCELLED)
        if plan.outcome in ("busy", "failed"):
            return End(plan.outcome, plan.sip_code)
        self._enter(call, "in-progress")
        self._callbacks.notify(call, "answered", "in-progress")
        return None

    async def _talk(self, call: Call) -> End | None:
        answered = call.since("in-progress", self._clock)
        call.talks_until = answered + call.plan.talk
        create = call.create
        self.redirect(call, create.url, create.method, create.twiml)
        if create.async_amd and create.detects_machine:
            self._spawn(self._detect_aside(call))

        def ends() -> float:
            return min(call.talks_until, answered + call.time_limit)

        if not await call.until(ends, self._clock):
            return End("completed" if call.ending == "completed" else "canceled")
        return End("completed")

    async def _script(self, call: Call, url: str | None, method: str, twiml: str | None) -> None:
        if call.reports_answerer and not call.create.async_amd and call.entry.answered_by is None:
            await self._detect(call)
        if not await self._scripts.goes_on(call, url, method, twiml):
            call.talks_until = self._clock.now()
            call.nudge()

    async def _detect_aside(self, call: Call) -> None:
        await self._detect(call)
        self._callbacks.detected(call)

    async def _detect(self, call: Call) -> None:
        if call.create.detects_machine:
            await asyncio.sleep(self._clock.real(call.plan.detection))
        line = {"kind": "verdict", "sid": call.sid, "answered_by": call.plan.answered_by or "unknown"}
        self._journal.append(line)

    def _enter(self, call: Call, state: str) -> None:
        self._journal.append(
            {"kind": "state", "sid": call.sid, "state": state, "at": time.time(), "mono": time.monotonic()}
        )

    def _end(self, call: Call, end: End) -> None:
        answered = "in-progress" in call.entry.states
        self._journal.append(
            {
                "kind": "state",
                "sid": call.sid,
                "state": end.outcome,
                "at": time.time(),
                "mono": time.monotonic(),
                "sip_code": end.sip_code,
                "duration": call.talked(self._clock) if answered else None,
            }
        )
        self.tally.ended(call.entry)
        call.tell_ended()
        if call.script is not None:
            call.script.cancel()
        if not end.silent:
            self._callbacks.notify(call, "completed", end.outcome)
        if call.first_delivery is not None and (end.silent or "completed" not in call.create.events):
            call.first_delivery.set()
