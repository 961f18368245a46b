"""One business cannot see or touch another's: by the API, by raw SQL under its role, and with every filter gone."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from services.api.isolation import TABLES, require_isolation
from shared import metrics, queries
from shared.errors import IsolationBroken
from shared.queries import runs
from tests.integration.api.rig import TWIML, Rig, World

FUNCTIONS = Path(queries.__file__).parent / "functions"


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api/outbound/runs/{run}", 404, "not_found"),
        ("GET", "/api/outbound/runs/{run}/jobs", 404, "not_found"),
        ("POST", "/api/outbound_calls/jobs/{run}/cancel", 404, "not_found"),
        ("POST", "/api/outbound/stop-queue", 404, "not_found"),
        ("POST", "/api/outbound_calls/jobs/{run}/force-cancel", 403, "forbidden"),
        ("POST", "/api/outbound_calls/jobs/{run}/force-cancel?hangup=true", 403, "forbidden"),
    ],
)
async def test_another_businesss_run_is_refused_and_logged_with_both(
    shared_rig: Rig, shared_world: World, method: str, path: str, status: int, code: str
) -> None:
    mine, theirs = await shared_world.business(), await shared_world.business()
    run_id = await shared_rig.asker(theirs).start(await shared_world.leads(theirs, 2))
    before = metrics.SECURITY_EVENTS.labels(kind="foreign_run")._value.get()
    body = {"json": {"run_id": run_id}} if path.endswith("stop-queue") else {}
    with capture_logs() as lines:
        answer = await shared_rig.asker(mine).ask(method, path.format(run=run_id), **body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    (line,) = [line for line in lines if line["event"] == "SECURITY"]
    assert (line["business_id"], line["owner_business_id"], line["run_id"]) == (mine, theirs, run_id)
    assert metrics.SECURITY_EVENTS.labels(kind="foreign_run")._value.get() == before + 1
    run = await shared_rig.asker(theirs).run(run_id)
    assert (run["status"], run["queued"], run["cancel_requested"]) == ("pending", 2, False)


async def test_an_unknown_run_is_404_everywhere_and_no_matter_of_security(shared_rig: Rig, shared_world: World) -> None:
    asker = shared_rig.asker(await shared_world.business())
    with capture_logs() as lines:
        for method, path in (
            ("GET", "/api/outbound/runs/876543"),
            ("GET", "/api/outbound/runs/876543/jobs"),
            ("POST", "/api/outbound_calls/jobs/876543/cancel"),
            ("POST", "/api/outbound_calls/jobs/876543/force-cancel"),
        ):
            answer = await asker.ask(method, path)
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert not [line for line in lines if line["event"] == "SECURITY"]


async def test_lists_and_the_active_run_are_ones_own(rig: Rig, world: World) -> None:
    mine, theirs = await world.business(), await world.business()
    await rig.asker(theirs).start(await world.leads(theirs, 1))
    asker = rig.asker(mine)
    assert (await asker.get("/api/outbound/runs")).json()["items"] == []
    assert (await asker.get("/api/outbound_calls/jobs/active")).status_code == 404


async def test_naming_another_business_is_refused_and_logged(shared_rig: Rig, shared_world: World) -> None:
    mine, theirs = await shared_world.business(), await shared_world.business()
    with capture_logs() as lines:
        answer = await shared_rig.asker(mine).get("/api/outbound/runs", params={"business_id": theirs})
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    (line,) = [line for line in lines if line["event"] == "SECURITY"]
    assert (line["business_id"], line["owner_business_id"]) == (mine, theirs)


async def test_another_businesss_run_gives_no_leads_and_its_call_is_not_given_up(rig: Rig, world: World) -> None:
    mine, theirs = await world.business(), await world.business()
    run_id = await rig.asker(theirs).start(await world.leads(theirs, 1))
    (call,) = await world.claim(theirs)
    await world.do("UPDATE calls SET state = 'uncertain' WHERE id = $1", call["call_id"])
    with capture_logs() as lines:
        wish = {"from_run": run_id, "twiml": TWIML}
        assert (await rig.asker(mine).post("/api/outbound_calls/start", json=wish)).status_code == 422
    assert [line["owner_business_id"] for line in lines if line["event"] == "SECURITY"] == [theirs]
    answer = await rig.asker(mine).post(f"/api/calls/{call['call_id']}/abandon")
    assert answer.status_code == 404
    assert await world.value("SELECT state FROM calls WHERE id = $1", call["call_id"]) == "uncertain"


@pytest.fixture
async def two_campaigns(rig: Rig, world: World) -> tuple[int, int]:
    """Two businesses with a row in every table each; what is checked runs as the first."""
    businesses = await world.business(), await world.business()
    for business in businesses:
        leads = await world.leads(business, 2)
        answer = await rig.asker(business).post(
            "/api/outbound_calls/start",
            json={"lead_ids": leads, "twiml": TWIML},
            headers={"Idempotency-Key": "k"},
        )
        assert answer.status_code == 201
        (call, *_) = await world.claim(business)
        await world.do(
            "INSERT INTO call_events (business_id, call_id, call_sid, event, fields) VALUES ($1, $2, 'CA', 'x', '{}')",
            business,
            call["call_id"],
        )
    return businesses


@pytest.fixture
async def as_api(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(database_url, server_settings={"role": "ringfence_api"})
    yield connection
    await connection.close()


async def test_under_the_apis_role_a_table_shows_nothing_and_then_ones_own(
    two_campaigns: tuple[int, int], as_api: asyncpg.Connection
) -> None:
    mine, _ = two_campaigns
    for table in TABLES:
        assert await as_api.fetchval(f"SELECT count(*) FROM {table}") == 0, table
    await as_api.execute("SELECT set_config('ringfence.business_id', $1, false)", str(mine))
    for table in TABLES:
        column = "id" if table == "businesses" else "business_id"
        owners = await as_api.fetchval(f"SELECT array_agg(DISTINCT {column}) FROM {table}")
        assert owners == [mine], table


async def test_under_the_apis_role_nothing_of_another_business_can_be_written(
    two_campaigns: tuple[int, int], as_api: asyncpg.Connection
) -> None:
    mine, theirs = two_campaigns
    await as_api.execute("SELECT set_config('ringfence.business_id', $1, false)", str(mine))
    for table in ("businesses", "leads", "outbound_call_runs", "outbound_call_jobs", "calls"):
        column = "id" if table == "businesses" else "business_id"
        changed = await as_api.execute(f"UPDATE {table} SET created_at = now() WHERE {column} = {theirs}")
        assert changed == "UPDATE 0", table
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await as_api.execute(f"UPDATE {table} SET {column} = {theirs}")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await as_api.execute("INSERT INTO leads (business_id, phone) VALUES ($1, '+972501111111')", theirs)


def _unfiltered(statement: str) -> str:
    """Take the condition on the business out of a statement or a function."""
    without = re.sub(r"(\w+\.)?(business_id|id) = (p_business|:business_id)\b", "true", statement)
    return re.sub(r"AND \(CAST\(:business_id AS bigint\) IS NULL OR true\)", "", without)


async def test_a_statement_that_forgets_its_filter_still_shows_only_ones_own(
    rig: Rig, world: World, two_campaigns: tuple[int, int]
) -> None:
    """Breaks when isolation rests on every WHERE clause being right."""
    mine, theirs = two_campaigns
    foreign_run = await world.value("SELECT id FROM outbound_call_runs WHERE business_id = $1", theirs)
    values: dict[str, Any] = {"run_id": foreign_run, "status": None, "after": None, "most": 100, "business_id": None}
    values |= runs._times(rig.context.settings)
    seen = {}
    for name in ("ONE", "NEWEST", "ACTIVE", "EXISTS", "JOBS", "UNSENT"):
        statement = text(_unfiltered(getattr(runs, name).text))
        assert "business_id =" not in statement.text
        used = {key: value for key, value in values.items() if f":{key}" in statement.text}
        async with rig.context.own.db.transaction(business_id=mine) as connection:
            seen[name] = await connection.rows(statement, **used)
    assert [row.business_id for row in seen["NEWEST"]] == [mine]
    assert [row.business_id for row in seen["ACTIVE"]] == [mine]
    assert [row.number for row in seen["UNSENT"]] == [0]
    assert not seen["ONE"]
    assert not seen["EXISTS"]
    assert not seen["JOBS"]


async def test_a_function_that_forgets_its_filter_still_touches_only_ones_own(
    rig: Rig, world: World, two_campaigns: tuple[int, int]
) -> None:
    mine, theirs = two_campaigns
    for name in ("start_run", "skipped_leads", "cancel_run", "stop_run", "force_cancel_run", "abandon_call"):
        source = _unfiltered((FUNCTIONS / f"ringfence_{name}.sql").read_text())
        assert "= p_business" not in source
        await world.do(source.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"))
    run_id = await world.value("SELECT id FROM outbound_call_runs WHERE business_id = $1", theirs)
    call_id = await world.value("SELECT id FROM calls WHERE business_id = $1 LIMIT 1", theirs)
    lead = await world.value("SELECT id FROM leads WHERE business_id = $1 LIMIT 1", theirs)
    asker = rig.asker(mine)
    for path, status in (
        (f"/api/outbound_calls/jobs/{run_id}/cancel", 404),
        (f"/api/outbound_calls/jobs/{run_id}/force-cancel", 403),
        (f"/api/calls/{call_id}/abandon", 404),
    ):
        assert (await asker.post(path)).status_code == status
    started = await asker.post("/api/outbound_calls/start", json={"lead_ids": [lead], "twiml": TWIML})
    assert started.json()["code"] == "no_leads"
    assert (await rig.asker(theirs).run(run_id))["status"] == "running"


async def test_an_api_that_could_see_other_businesses_refuses_to_run(rig: Rig, world: World) -> None:
    await require_isolation(rig.context.own.db)
    await world.do("ALTER TABLE outbound_call_jobs NO FORCE ROW LEVEL SECURITY")
    with pytest.raises(IsolationBroken, match="outbound_call_jobs"):
        await require_isolation(rig.context.own.db)
    await world.do("ALTER TABLE outbound_call_jobs FORCE ROW LEVEL SECURITY")
    await world.leads(await world.business(), 1)
    await world.do("CREATE POLICY leak ON leads TO ringfence_api USING (true)")
    with pytest.raises(IsolationBroken):
        await require_isolation(rig.context.own.db)
