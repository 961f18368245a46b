"""Callbacks that wait together share a transaction, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest
from structlog.testing import capture_logs

from shared.db import Database
from shared.queries import callbacks
from shared.queries.callbacks import Heard, Recorded
from tests.integration.campaigns import Row, new_sid
from tests.integration.webhook.desk import Desk, open_desk

RUN_LOCK = "SELECT 1 FROM outbound_call_runs WHERE id = $1 FOR UPDATE"


@asynccontextmanager
async def held(database_url: str, lock: str, value: int) -> AsyncIterator[None]:
    """Somebody else's session that holds a row, as one that is frozen or an operator's would."""
    connection = await asyncpg.connect(database_url)
    holding = connection.transaction()
    await holding.start()
    await connection.execute(lock, value)
    try:
        yield
    finally:
        await holding.rollback()
        await connection.close()


@pytest.fixture
def sizes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many callbacks each transaction took."""
    seen: list[int] = []
    real = callbacks.record_callbacks

    async def watched(db: Database, heard: Sequence[Heard], **options: Any) -> list[Recorded]:
        seen.append(len(heard))
        return await real(db, heard, **options)

    monkeypatch.setattr(callbacks, "record_callbacks", watched)
    return seen


async def twenty(desk: Desk) -> list[Row]:
    business = await desk.campaigns.business(cap=20)
    await desk.campaigns.run(business, 20)
    return await desk.campaigns.claim_so_many(business, 20)


async def end_all(desk: Desk, calls: list[Row], sids: list[str] | None = None) -> list[int]:
    sids = sids or [new_sid() for _ in calls]
    ends = (desk.provider.status(call, "completed", sid) for call, sid in zip(calls, sids, strict=True))
    answers = await asyncio.gather(*ends)
    return [answer.status_code for answer in answers]


async def test_callbacks_that_wait_together_are_recorded_together(desk: Desk, sizes: list[int]) -> None:
    calls = await twenty(desk)
    assert await end_all(desk, calls) == [204] * 20
    assert sum(sizes) == 20
    assert len(sizes) < 10
    assert len(desk.released) == 20


async def test_one_poisonous_callback_fails_alone(desk: Desk, sizes: list[int]) -> None:
    calls = await twenty(desk)
    poison = f"ALTER TABLE call_events ADD CONSTRAINT poison CHECK (call_id <> {calls[7]['call_id']})"
    await desk.campaigns.rows(poison)
    sids = [new_sid() for _ in calls]

    with capture_logs() as lines:
        statuses = await end_all(desk, calls, sids)

    assert statuses == [500 if at == 7 else 204 for at in range(20)]
    failed = [(line["callback"], line["said_sid"]) for line in lines if line["event"] == "CALLBACK_FAILED"]
    assert failed == [("completed", sids[7])]
    assert max(sizes) > 1
    assert len(desk.released) == 19
    await desk.campaigns.rows("ALTER TABLE call_events DROP CONSTRAINT poison")
    assert (await desk.provider.status(calls[7], "completed", new_sid())).status_code == 204


async def test_a_held_run_delays_its_own_callbacks_alone(desk: Desk, database_url: str) -> None:
    """When this breaks one session that sleeps with a lock stops the callbacks of every business."""
    stuck, free = await desk.call(), await twenty(desk)
    async with held(database_url, RUN_LOCK, stuck["run_id"]):
        waiting = asyncio.create_task(desk.provider.status(stuck, "completed", new_sid()))
        assert await end_all(desk, free) == [204] * 20
        assert not waiting.done()
    assert (await waiting).status_code == 204
    assert len(desk.released) == 21


@pytest.mark.usefixtures("usual_limits")
async def test_a_callback_that_waited_too_long_is_to_come_again(database_url: str) -> None:
    async with open_desk(database_url) as desk:
        call, sid = await desk.call(), new_sid()
        with capture_logs() as lines:
            async with held(database_url, RUN_LOCK, call["run_id"]):
                answer = await desk.provider.status(call, "completed", sid)
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        assert desk.released == []
    told = [(line["callback"], line["said_sid"]) for line in lines if line["event"] == "CALLBACK_NOT_RECORDED"]
    assert told == [("completed", sid)]


@pytest.mark.parametrize("table", ["outbound_call_runs", "outbound_call_jobs", "calls"])
async def test_a_callback_waits_for_a_row_that_is_held_for_an_instant(
    desk: Desk, database_url: str, table: str
) -> None:
    call = await desk.call()
    row = {"outbound_call_runs": "run_id", "outbound_call_jobs": "job_id", "calls": "call_id"}[table]
    async with held(database_url, f"SELECT 1 FROM {table} WHERE id = $1 FOR NO KEY UPDATE", call[row]):
        waiting = asyncio.create_task(desk.provider.status(call, "busy", new_sid()))
        await asyncio.wait({waiting}, timeout=0.1)
        assert not waiting.done()
    assert (await waiting).status_code == 204
    assert len(desk.released) == 1


async def test_a_request_that_is_given_up_takes_no_other_with_it(desk: Desk) -> None:
    calls = await twenty(desk)
    tasks = [asyncio.create_task(desk.provider.status(call, "completed", new_sid())) for call in calls]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    kept = [result for result in results[1::2] if not isinstance(result, BaseException)]
    assert [answer.status_code for answer in kept] == [204] * 10


async def test_the_database_cut_off_is_503_and_then_recovers(desk: Desk, superuser_url: str) -> None:
    call, sid = await desk.call(), new_sid()
    await desk.provider.status(call, "ringing", sid)
    desk.health.set("database", up=True)
    superuser = await asyncpg.connect(superuser_url)
    name = await superuser.fetchval("SELECT quote_ident(current_database())")
    await superuser.execute(f"ALTER DATABASE {name} CONNECTION LIMIT 0")
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'webhook-tests'"
    await superuser.execute(cut)

    answer = await desk.provider.status(call, "completed", sid)
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert desk.health.ready()[0] == 503
    await superuser.execute(f"ALTER DATABASE {name} CONNECTION LIMIT -1")
    await superuser.close()
    async with asyncio.timeout(180):
        while answer.status_code == 503:
            answer = await desk.provider.status(call, "completed", sid)
    assert answer.status_code == 204
    assert len(desk.released) == 1
