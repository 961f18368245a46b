"""What the people of each business do during a run: they start campaigns, end them in every way, and change caps.

Rules: whatever is answered is written down for the checker at that moment. A request that had to be repeated may have
been carried out before, and its first writing may still be under way; a cap is changed again only when that is over.
"""

from __future__ import annotations

import asyncio
import random
import time
from functools import partial
from typing import Any

from chaos.stage import Stage
from chaos.tenants import CAPS, Tenant
from stack.client import Answer

START_MEAN = 5.0
END_MEAN = 9.0
CAP_MEAN = 7.0
RECONCILE_MEAN = 25.0
LOOK_MEAN = 4.0
ABANDON_MEAN = 15.0
OPEN_RUNS = 3
SIZES = (1, 2, 5, 10, 25, 60)
WEIGHTS = (10, 10, 25, 25, 20, 10)
FROM_RUN_SHARE = 0.25
LATE_WRITING = 12.0
"""Seconds after which nothing that was asked before is carried out any more: links, locks and statements time out."""

ENDINGS = {"cancel": 40, "stop": 25, "force_cancel": 15, "force_cancel_hangup": 20}
TWIML = "<Response><Say>Hello</Say></Response>"


class Operators:
    """The people of all businesses."""

    def __init__(self, stage: Stage, tenants: list[Tenant]) -> None:
        self._stage = stage
        self._tenants = tenants

    async def play(self) -> None:
        """Work until the faults stop; whatever was asked by then is answered when this returns."""
        async with asyncio.TaskGroup() as group:
            for tenant in self._tenants:
                for word, mean, deed in (
                    ("start", START_MEAN, self._start),
                    ("end", END_MEAN, self._end),
                    ("cap", CAP_MEAN, self._change_cap),
                    ("reconcile", RECONCILE_MEAN, self._reconcile),
                    ("look", LOOK_MEAN, self._look),
                    ("abandon", ABANDON_MEAN, self._abandon),
                ):
                    name = f"{word} of {tenant.number}"
                    group.create_task(self._stage.now_and_then(name, mean, partial(deed, tenant)))

    async def _start(self, tenant: Tenant, chance: random.Random) -> None:
        size, again = chance.choices(SIZES, WEIGHTS)[0], chance.random() < FROM_RUN_SHARE
        fields = {"ring_timeout": chance.randint(5, 60), "on_uncertain": _on_uncertain(chance)}
        key = f"{self._stage.plan.seed}-{chance.getrandbits(64)}"
        running = await self._runs(tenant, "running") + await self._runs(tenant, "pending")
        if len(running) >= OPEN_RUNS:
            return
        body: dict[str, Any] = {"twiml": TWIML, "name": f"chaos {key}", **fields}
        if again and (ended := [run for run in tenant.runs if run not in running]):
            body["from_run"] = chance.choice(ended)
        else:
            body["lead_ids"] = await tenant.leads(size, chance)
        headers = {"Idempotency-Key": key}
        answer = await self._ask(tenant, "/api/outbound_calls/start", json=body, headers=headers)
        if answer.status == 201:
            tenant.runs.append(answer.body["run_id"])
            self._stage.notes.count("from_run" if "from_run" in body else "start", run_id=answer.body["run_id"])

    async def _end(self, tenant: Tenant, chance: random.Random) -> None:
        ending = chance.choices(list(ENDINGS), list(ENDINGS.values()))[0]
        running = await self._runs(tenant, "running")
        if not running:
            return
        run_id = chance.choice(sorted(running))
        answer = await self._ending(tenant, run_id, ending)
        if answer.status == 200:
            kind = ending.removesuffix("_hangup")
            self._stage.notes.action(kind, run_id=run_id)
            self._stage.notes.counts["hangup_wished"] += ending != kind

    async def _ending(self, tenant: Tenant, run_id: int, ending: str) -> Answer:
        if ending == "stop":
            return await self._ask(tenant, "/api/outbound/stop-queue", json={"run_id": run_id})
        if ending == "cancel":
            return await self._ask(tenant, f"/api/outbound_calls/jobs/{run_id}/cancel")
        params = {"hangup": "true"} if ending.endswith("hangup") else {}
        return await self._ask(tenant, f"/api/outbound_calls/jobs/{run_id}/force-cancel", params=params)

    async def _change_cap(self, tenant: Tenant, chance: random.Random) -> None:
        cap, asked_at = chance.randint(*CAPS), time.time()
        body = {"max_concurrent_calls": cap}
        answer, repeats = await tenant.client.insist("PATCH", f"/api/businesses/{tenant.id}", json=body)
        _expect(answer, 200)
        self._stage.notes.cap(tenant.id, cap, was=tenant.cap, asked_at=asked_at)
        tenant.cap = cap
        if repeats:
            await self._stage.pause(LATE_WRITING)

    async def _reconcile(self, tenant: Tenant, _chance: random.Random) -> None:
        answer = await self._ask(tenant, "/api/outbound/runs/reconcile")
        self._stage.notes.count("reconcile", status=answer.status)

    async def _look(self, tenant: Tenant, _chance: random.Random) -> None:
        answer = await tenant.client.request("GET", "/api/outbound_calls/jobs/active")
        _expect(answer, 200, 404)

    async def _abandon(self, tenant: Tenant, chance: random.Random) -> None:
        running = await self._runs(tenant, "running")
        if not running:
            return
        jobs = await tenant.client.jobs(chance.choice(sorted(running)))
        unsure = [call["call_id"] for job in jobs for call in job["calls"] if call["state"] == "uncertain"]
        if unsure:
            await self.give_up(tenant, chance.choice(unsure))

    async def give_up(self, tenant: Tenant, call_id: int) -> None:
        """Settle a call of unknown fate by hand."""
        answer, repeats = await tenant.client.insist("POST", f"/api/calls/{call_id}/abandon")
        _expect(answer, 200, 409)
        if answer.status == 200 or repeats:
            self._stage.notes.action("abandon", call_id=call_id)

    async def _runs(self, tenant: Tenant, status: str) -> list[int]:
        answer = await tenant.client.request("GET", "/api/outbound/runs", params={"status": status, "limit": "1000"})
        return [run["run_id"] for run in _expect(answer, 200).body["items"]]

    async def _ask(self, tenant: Tenant, path: str, **options: Any) -> Answer:
        """An answer that makes sense: granted, or refused because the run has ended or has nothing to call."""
        return _expect(await tenant.client.request("POST", path, **options), 200, 201, 409, 422, 429)


def _on_uncertain(chance: random.Random) -> str:
    return "never" if chance.random() < 0.4 else "redial_when_absent"


def _expect(answer: Answer, *statuses: int) -> Answer:
    if answer.status not in statuses:
        raise AssertionError(f"the API answered {answer.status}: {answer.body}")
    return answer
