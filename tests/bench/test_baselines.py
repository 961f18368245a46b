"""Each baseline rings a small campaign to its end, and is judged by the history checker as ours is."""

import asyncio
from collections.abc import AsyncIterator, Callable

import httpx
import pytest

from bench.baselines.baseline import Baseline
from bench.baselines.celery_retry.engine import CeleryRetry
from bench.baselines.procrastinate_locks.engine import ProcrastinateLocks
from bench.baselines.rq_semaphore.engine import RqSemaphore
from bench.record import Record
from bench.site import Servers, Site, site_on
from bench.work import Work

WORK = Work(businesses=2, leads_each=6, cap=3)
LEADS = 12
SECONDS = 1.0
TIMEOUT = 300.0
KINDS: list[Callable[[Site], Baseline]] = [RqSemaphore, CeleryRetry, ProcrastinateLocks]


@pytest.fixture(scope="session")
async def servers() -> AsyncIterator[Servers]:
    async with Servers.opened("bench-tests") as servers:
        yield servers


@pytest.fixture(params=KINDS)
async def engine(servers: Servers, request: pytest.FixtureRequest) -> AsyncIterator[Baseline]:
    async with site_on(servers) as site:
        engine: Baseline = request.param(site)
        try:
            await engine.open()
            yield engine
        finally:
            await engine.close()


async def until_rung(engine: Baseline, leads: int) -> None:
    """Until so many leads were rung and every call is over."""
    async with asyncio.timeout(TIMEOUT):
        while True:
            calls = Record.read(engine.site.ledger).calls
            if len({call.to for call in calls}) >= leads and all(call.ended is not None for call in calls):
                return
            await asyncio.sleep(0.2)


async def test_every_lead_is_rung_once_and_the_cap_kept(engine: Baseline) -> None:
    await engine.site.set_call_seconds(SECONDS)
    await engine.start(WORK)
    await until_rung(engine, LEADS)
    await engine.stop()
    judged = await engine.judged()
    assert (judged.calls, judged.examples) == (LEADS, ())
    assert set(judged.violated) == set("bcdfghi")
    assert Record.read(engine.site.ledger).failed_callbacks == 0


async def test_a_killed_worker_is_replaced_and_goes_on(engine: Baseline) -> None:
    """Nothing is asserted about doubles: that is what the bench counts."""
    await engine.site.set_call_seconds(SECONDS)
    before = engine.processes()["worker"]
    await engine.crash()
    assert engine.processes()["worker"] != before
    await engine.start(WORK)
    await until_rung(engine, LEADS)
    assert engine.processes().keys() >= {"worker", "webhook"}


async def test_a_callback_without_a_valid_signature_is_refused(engine: Baseline) -> None:
    form = {"CallSid": "CA" + "0" * 32, "CallStatus": "completed"}
    async with httpx.AsyncClient() as http:
        answer = await http.post(f"{engine.settings.public_url}/status/1", data=form)
    assert answer.status_code == 403
