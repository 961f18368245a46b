"""The machine's frame: what every rule has at hand, and what is checked after each of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant

from shared.db import Session
from shared.queries import checks, dispatching, runs
from shared.queries.dispatching import ClaimedCall
from tests.integration.machine import agreement
from tests.integration.machine.model import Lease, Model
from tests.integration.machine.nouns import (
    ABSENT_AFTER,
    GRACE,
    SETTLE_AFTER,
    SILENCE,
    Account,
    Business,
    Call,
    Job,
    Lead,
    Run,
)
from tests.integration.machine.provider import Provider, RealCall
from tests.integration.machine.world import World, seconds, span

T = TypeVar("T")
SOME = st.integers(0, 10_000)
"""Which of several things: taken modulo their number."""

WAITS = checks.Waits(span(SETTLE_AFTER), span(ABSENT_AFTER), span(GRACE))
FROM_NUMBER = "+15005550006"
NEW_ACCOUNT = "INSERT INTO accounts (account_sid, is_shared, calls_per_second) VALUES ($1, $2, 1000) RETURNING id"
NEW_BUSINESS = """INSERT INTO businesses (name, max_concurrent_calls, calls_per_second, account_id, auth_token_sealed,
    from_number) VALUES ('a business', $1, 1000, $2, $3, $4) RETURNING id"""
NEW_LEAD = "INSERT INTO leads (business_id, phone) VALUES ($1, $2) RETURNING id"


@dataclass
class InHand:
    """A claimed call in a dispatcher's memory, until its answer is recorded."""

    call: Call
    sent: bool = False
    real: RealCall | None = None


@dataclass
class Dispatcher:
    """One process that would dial. `epoch` is what it believes."""

    name: str
    session: Session
    epoch: int = 0
    in_hand: list[InHand] = field(default_factory=list)


@dataclass
class Look:
    """A look under way: what the provider said, not yet applied. `units` is when."""

    check: checks.Check
    call: Call
    finding: str
    sid: str | None
    rank: int | None
    outcome: str | None
    moment: float
    units: int


class Frame(RuleBasedStateMachine):
    """The model, the provider and the database side by side."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.db = world.db
        self.model = Model(Lease(world.clear()))
        self.provider = Provider()
        self.dispatchers = [Dispatcher(f"tests:{n}", world.session()) for n in (1, 2)]
        self.looks: list[Look] = []
        self.lost_requests: list[Call] = []
        self.late_answers: list[InHand] = []
        self.before: agreement.Snapshot | None = None
        self.agreed = True
        world.examples += 1

    def saw(self, kind: str, *words: object) -> None:
        """Note what came of a rule, so that the test can say what its examples reached."""
        self.world.reached.update(f"{kind} {word}" for word in words if word is not None)

    def pick(self, things: Sequence[T], which: int) -> T:
        return things[which % len(things)]

    @initialize(caps=st.tuples(st.integers(1, 3), st.integers(1, 4)), own=st.booleans())
    def set_up(self, caps: tuple[int, int], own: bool) -> None:
        """Two businesses, on one account or on two, that want to ring some of the same people."""
        self.agreed = False
        shared = self._account(shared=True)
        other = self._account(shared=False) if own else shared
        for cap, account in zip(caps, (shared, other), strict=True):
            values = (cap, None, None) if account.shared else (cap, account.id, b"sealed")
            business = Business(self.world.value(NEW_BUSINESS, *values, FROM_NUMBER), account, cap)
            self.model.businesses.append(business)
            first = len(self.model.businesses) * 2
            for number in range(first, first + 5):
                phone = f"+9725000000{number:02}"
                self.model.leads.append(Lead(self.world.value(NEW_LEAD, business.id, phone), business, phone))
        for business in self.model.businesses:
            self.start(business, self.leads_of(business)[:4], "redial_when_absent")
        self.take(self.dispatchers[0])

    def _account(self, *, shared: bool) -> Account:
        sid = f"AC{len(self.model.accounts):032x}"
        account = Account(self.world.value(NEW_ACCOUNT, sid, shared), sid, shared)
        self.model.accounts.append(account)
        return account

    def leads_of(self, business: Business) -> list[Lead]:
        return [lead for lead in self.model.leads if lead.business is business]

    def start(self, business: Business, leads: Sequence[Lead], on_uncertain: str) -> None:
        wanted = {"twiml": "<Response/>", "on_uncertain": on_uncertain}
        ids = [lead.id for lead in leads]
        made = self.world.run(
            runs.start_run(
                self.db,
                business.id,
                lead_ids=[*ids, ids[0], -1],
                from_run=None,
                run=wanted,
                created_by="tests",
                key=None,
                body_hash=b"",
            )
        )
        assert made.verdict == "done"
        assert made.run_id is not None
        self.adopt_run(made.run_id, business, leads, on_uncertain)

    def adopt_run(self, run_id: int, business: Business, leads: Sequence[Lead], on_uncertain: str) -> None:
        """Note a new run with its jobs, in the order of the leads given."""
        run = Run(run_id, business, on_uncertain, self.model.tick())
        rows = self.world.fetch("SELECT id, lead_id FROM outbound_call_jobs WHERE run_id = $1 ORDER BY id", run_id)
        assert [row["lead_id"] for row in rows] == [lead.id for lead in leads]
        run.jobs = [Job(row["id"], run, lead) for row, lead in zip(rows, leads, strict=True)]
        self.model.runs.append(run)

    def claimed(self, row: ClaimedCall, epoch: int) -> Call:
        job = next(job for job in self.model.jobs() if job.id == row.job_id)
        assert (row.to_number, row.run_id) == (job.lead.phone, job.run.id)
        assert row.attempt == job.attempts + 1
        return Call(row.call_id, job, row.dial_token, self.model.now, epoch)

    def take(self, dispatcher: Dispatcher) -> None:
        """Ask for the lease."""
        lease, now = self.model.lease, self.model.tick()
        free = lease.holder is None or not lease.connected or lease.renewed < now - SILENCE
        taken = self.world.run(dispatching.take_lease(dispatcher.session, dispatcher.name, seconds(SILENCE)))
        assert (taken is not None) == free, "a lease taken from its holder, or refused"
        self.saw("lease", "taken" if taken else "held")
        if taken is not None:
            assert (taken.epoch, taken.previous) == (lease.epoch + 1, lease.holder)
            lease.epoch, lease.holder, lease.renewed, lease.connected = taken.epoch, dispatcher.name, now, True
            dispatcher.epoch = taken.epoch

    def pass_time(self, units: int) -> None:
        self.world.let_pass(units)
        self.model.units += units

    @invariant()
    def database_and_model_agree(self) -> None:
        self.agreed = False
        found: dict[str, Any] = self.world.snapshot()
        agreement.compare(self.model, found)
        agreement.hold_invariants(self.model, self.provider, found, self.before)
        self.before = found
        self.agreed = True
        self.world.steps += 1

    def teardown(self) -> None:
        for dispatcher in self.dispatchers:
            dispatcher.session.drop()
        self.world.creates += len(self.provider.requests)
