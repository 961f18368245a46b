"""What people order: runs started and ended, caps and rates changed, tables edited."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from shared.queries import businesses, dispatching, runs
from tests.integration.machine import model_orders
from tests.integration.machine.base import SOME, Frame
from tests.integration.machine.nouns import SLOW_PAUSE, Business, Run
from tests.integration.machine.world import seconds

FAST = 1000.0
SLOW = 1 / seconds(SLOW_PAUSE)


class OrderRules(Frame):
    def runs_by_age(self) -> list[Run]:
        """Active runs first, so that most orders meet one."""
        return sorted(self.model.runs, key=lambda run: (run.over, run.id))

    @precondition(lambda self: len(self.model.runs) < 6)
    @rule(whose=SOME, first=st.integers(0, 4), count=st.integers(0, 3), never=st.booleans())
    def start_run(self, whose: int, first: int, count: int, never: bool) -> None:
        """Ring some leads, or (none) those that another run left."""
        if not count:
            self.start_from_run(whose)
            return
        business = self.pick(self.model.businesses, whose)
        leads = self.leads_of(business)
        chosen = [leads[(first + at) % len(leads)] for at in range(count)]
        self.start(business, chosen, "never" if never else "redial_when_absent")

    def start_from_run(self, which: int) -> None:
        """Ring those whom an ended run never rang."""
        old = self.pick(self.model.runs, which)
        made = self.world.run(
            runs.start_run(
                self.db,
                old.business.id,
                lead_ids=None,
                from_run=old.id,
                run={"twiml": "<Response/>"},
                created_by="tests",
                key=None,
                body_hash=b"",
            )
        )
        left = [job.lead for job in old.jobs
                if not job.dialed and (job.status == "cancelled" or job.outcome == "not_dialed")]  # fmt: skip
        assert made.verdict == ("active" if not old.over else "done" if left else "no_leads")
        self.saw("from_run", made.verdict)
        if made.run_id is not None:
            self.adopt_run(made.run_id, old.business, left, "redial_when_absent")

    @rule(which=SOME, order=st.sampled_from(["cancel", "stop", "force", "hangup"]))
    def end_run(self, which: int, order: str) -> None:
        """An order to end a run, which may be over already."""
        if order == "cancel":
            self.cancel(which)
        elif order == "stop":
            self.stop(which)
        else:
            self.force_cancel(which, hangup=order == "hangup")

    def cancel(self, which: int) -> None:
        run = self.pick(self.runs_by_age(), which)
        self._ordered("cancel", self.world.run(runs.cancel_run(self.db, run.business.id, run.id)),
                      model_orders.cancel(self.model, run))  # fmt: skip

    def stop(self, which: int) -> None:
        run = self.pick(self.runs_by_age(), which)
        self._ordered("stop", self.world.run(runs.stop_run(self.db, run.business.id, run.id)),
                      model_orders.stop(self.model, run))  # fmt: skip

    def force_cancel(self, which: int, *, hangup: bool) -> None:
        run = self.pick(self.runs_by_age(), which)
        answer = self.world.run(runs.force_cancel_run(self.db, run.business.id, run.id, hangup=hangup))
        self._ordered("force_cancel", answer, model_orders.force_cancel(self.model, run, hangup))

    def _ordered(self, kind: str, answer: runs.Ending, expected: model_orders.Order) -> None:
        found = (answer.verdict, answer.status, answer.jobs_cancelled, answer.ended, answer.calls_hung_up)
        assert found == (expected.verdict, expected.status, expected.jobs, expected.ended, expected.hung_up), kind
        self.saw(kind, answer.verdict)

    @rule(whose=SOME, what=st.sampled_from(["cap", "cap", "cap", "rate", "shared rate"]), to=st.integers(1, 5))
    def change_limits(self, whose: int, what: str, to: int) -> None:
        """A cap or a rate is raised or lowered under live calls."""
        if what == "cap":
            self.change_cap(whose, to)
        elif what == "rate":
            self.change_rate(whose, slow=to == 1)
        else:
            self.change_shared_rate(slow=to == 1)

    def change_cap(self, whose: int, cap: int) -> None:
        """Lowering it leaves live calls alone."""
        business = self.pick(self.model.businesses, whose)
        self._save(business, {"max_concurrent_calls": cap})
        self.saw("cap", "raised" if cap > business.cap else "lowered" if cap < len(self.model.live(business)) else None)
        business.cap = cap

    def change_rate(self, whose: int, *, slow: bool) -> None:
        """A business's own account goes as fast as the business."""
        business = self.pick(self.model.businesses, whose)
        self._save(business, {"calls_per_second": SLOW if slow else FAST})
        business.slow = slow
        if not business.account.shared:
            business.account.slow = slow

    def change_shared_rate(self, *, slow: bool) -> None:
        account = next(account for account in self.model.accounts if account.shared)
        self.world.run(dispatching.share_account(self.db, account.sid, SLOW if slow else FAST))
        account.slow = slow

    def _save(self, business: Business, fields: dict[str, object]) -> None:
        assert self.world.run(businesses.save_business(self.db, business.id, fields)) == ("done", business.id)

    def idle_runs(self) -> list[Run]:
        return [run for run in self.model.runs if not run.over and not run.edited
                and {job.status for job in run.open_jobs()} == {"queued"}]  # fmt: skip

    @precondition(lambda self: self.idle_runs())
    @rule(which=SOME, what=st.sampled_from(["jobs", "run"]))
    def edit_by_hand(self, which: int, what: str) -> None:
        """Somebody changes a run by a statement of his own."""
        if what == "jobs":
            self.close_jobs_by_hand(which)
        else:
            self.end_run_by_hand(which)

    def close_jobs_by_hand(self, which: int) -> None:
        """An operator empties a run's queue by a statement, and leaves the run."""
        run = self.pick(self.idle_runs(), which)
        self.world.fetch("UPDATE outbound_call_jobs SET status = 'failed', outcome = 'not_dialed'"
                         " WHERE run_id = $1 AND status = 'queued'", run.id)  # fmt: skip
        self.model.close_queued(run, "failed", "not_dialed")
        run.edited = True

    def end_run_by_hand(self, which: int) -> None:
        """An operator ends a run by a statement, and leaves its queue."""
        run = self.pick(self.idle_runs(), which)
        self.world.fetch("UPDATE outbound_call_runs SET status = 'stopped' WHERE id = $1", run.id)
        run.status, run.worker, run.heard, run.edited = "stopped", None, None, True
