"""The telephone exchange: its calls, and what makes, finds, changes and forgets them."""

import asyncio
import random
import secrets
import time
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any

import structlog

from simulator import ids
from simulator import plan as plans
from simulator.accounts import QUEUE_LIMIT, Account, AccountBook
from simulator.call import Call
from simulator.callbacks import Callbacks
from simulator.clock import Clock
from simulator.courier import Courier
from simulator.create import Create, token_of
from simulator.delays import Delays
from simulator.errors import Refusal
from simulator.index import Calls
from simulator.journal import Journal
from simulator.ledger import LedgerEntry
from simulator.life import Life
from simulator.rules import Facts, RuleBook
from simulator.scripts import Scripts
from simulator.settings import Settings
from simulator.tally import Tally

log = structlog.get_logger()

Form = Mapping[str, Sequence[str]]


class Exchange:
    """Everything of one simulator but HTTP; `failed` is set when a task of its own died."""

    def __init__(self, settings: Settings, journal: Journal, courier: Courier, clock: Clock) -> None:
        self.settings = settings
        self.seed = secrets.randbits(32) if settings.seed is None else settings.seed
        self.clock = clock
        self.journal = journal
        self.accounts = AccountBook(settings.all_accounts(), settings.cps)
        self.rules = RuleBook(settings.rules, self.seed)
        self.calls = Calls()
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._tasks: set[asyncio.Task[None]] = set()
        self.late_creates = Delays()
        self.late_answers = Delays()
        self.callbacks = Callbacks(courier, journal, self.spawn, random.Random(self.seed))
        self.life = Life(
            clock,
            journal,
            self.callbacks,
            Scripts(courier, journal),
            Tally(),
            self.spawn,
            settings.timings.timeout_buffer,
        )
        self._restore()

    @property
    def tally(self) -> Tally:
        return self.life.tally

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run a part of a call's life beside everything else, until `stop`."""
        task = self.supervise(work)
        self._tasks.add(task)
        return task

    def supervise(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run something; if it dies of an error, so does the simulator."""
        task = asyncio.get_running_loop().create_task(work)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("TASK_DIED", error=repr(error))
            if not self.failed.done():
                self.failed.set_exception(error)

    async def stop(self) -> None:
        """End every task; calls that live go on from the ledger at the next start."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def check_room(self, account: Account) -> None:
        """Raise Refusal 22005 for a queue of more than a day, 10004 for an account with all its calls live."""
        if account.queue_seconds(self.clock.now()) > QUEUE_LIMIT:
            raise Refusal(22005)
        most = account.settings.max_calls
        if most is not None and self.tally.live_on(account.sid) >= most:
            raise Refusal(10004)

    def place(self, account: Account, form: Form, request_id: str | None) -> Call:
        """Make a call and note it; it begins to live with `begin`. Without a request it is foreign."""
        create = Create.read(form)
        behaviour = self.rules.behaviour(Facts("create", account.sid, create.to, create.from_))
        plan = self._plan(account, create.to, behaviour.get("outcome"))
        now = self.clock.now()
        starts_at = account.take_turn(now)
        sid = "CA" + ids.hexadecimal()
        self.journal.append(
            {
                "kind": "call",
                "sid": sid,
                "request_id": request_id,
                "account": account.sid,
                "to": create.to,
                "from": create.from_,
                "token": token_of(form),
                "at": time.time(),
                "mono": time.monotonic(),
                "foreign": request_id is None,
                "queue_ms": round((starts_at - now) * 1000),
                "params": [] if request_id else [(name, one) for name, values in form.items() for one in values],
                "plan": plan.as_dict(),
                "behaviour": behaviour,
            }
        )
        call = self._adopt(account, self.journal.ledger.by_sid[sid], create, plan, starts_at)
        self.tally.created(call.entry)
        return call

    def begin(self, call: Call) -> None:
        """Let a call live, unless a reset has forgotten it meanwhile."""
        if self.calls.get(call.account.sid, call.sid) is call:
            self.spawn(self.life.live(call))

    def delete(self, call: Call) -> None:
        self.journal.append({"kind": "delete", "sid": call.sid})

    def set_scale(self, scale: float) -> None:
        """Change the speed of every call, those under way too."""
        self.clock.set_scale(scale)
        for call in self.calls.live():
            call.nudge()

    async def reset(self) -> None:
        """Forget every call and rule, in the ledger too."""
        await self.stop()
        for call in self.calls.live():
            call.tell_ended()
        self.journal.append({"kind": "reset", "at": time.time(), "mono": time.monotonic()})
        self.rules.remove()
        self.calls = Calls()
        self.life.tally = Tally()
        for account in self.accounts:
            account.next_start = float("-inf")
            account.status = account.settings.status

    def _plan(self, account: Account, to: str, forced: Mapping[str, Any] | None) -> plans.Plan:
        nth = self.calls.count_to(account.sid, to)
        rng = random.Random(f"{self.seed}:{account.sid}:{to}:{nth}")
        return plans.make(rng, self.settings.timings, self.settings.outcomes, forced)

    def _adopt(self, account: Account, entry: LedgerEntry, create: Create, plan: plans.Plan, starts_at: float) -> Call:
        call = Call(entry.sid or "", account, create, entry, plan, starts_at, create.time_limit)
        if "callback_first" in entry.behaviour:
            call.first_delivery = asyncio.Event()
        self.calls.add(call)
        return call

    def _restore(self) -> None:
        """Take up the calls of the ledger's file, those of accounts that are no longer configured left out."""
        entries = self.journal.ledger.entries
        self.tally.replay(entries)
        for entry in entries:
            account = self.accounts.get(entry.account)
            if entry.sid is None or account is None:
                continue
            call = self._adopt(account, entry, Create.read(_form(entry)), plans.Plan.read(entry.plan), 0.0)
            if not call.over:
                call.starts_at = self._turn_again(account, entry)
                self.begin(call)

    def _turn_again(self, account: Account, entry: LedgerEntry) -> float:
        if "initiated" in entry.states:
            return 0.0
        return account.take_turn(self.clock.now())


def _form(entry: LedgerEntry) -> dict[str, list[str]]:
    form: dict[str, list[str]] = {}
    for name, value in entry.params:
        form.setdefault(name, []).append(value)
    return form
