"""The runbook's queries are what an operator pastes at night: each runs, on a database with a campaign in it."""

import re
from pathlib import Path

import asyncpg
import pytest

RUNBOOK = Path(__file__).parents[3] / "docs" / "runbook"

QUERIES = [
    pytest.param(query, id=f"{page.stem}-{number}")
    for page in sorted(RUNBOOK.glob("*.md"))
    for number, query in enumerate(re.findall(r"```sql\n(.*?)```", page.read_text(), re.DOTALL), 1)
]


@pytest.fixture
async def connection(database_url: str) -> asyncpg.Connection:
    connection = await asyncpg.connect(database_url)
    business = await connection.fetchval("INSERT INTO businesses (name) VALUES ('Falafel Ltd') RETURNING id")
    leads = await connection.fetch(
        "INSERT INTO leads (business_id, phone) VALUES ($1, '+972501234567'), ($1, '+972501234568') RETURNING id",
        business,
    )
    await connection.execute(
        "SELECT ringfence_start_run($1, $2, NULL, '{\"twiml\": \"<Response/>\"}', 'operator', NULL, NULL)",
        business,
        [lead["id"] for lead in leads],
    )
    yield connection
    await connection.close()


@pytest.mark.parametrize("query", QUERIES)
async def test_every_query_of_the_runbook_runs(connection: asyncpg.Connection, query: str) -> None:
    """An operator who pastes a query must get an answer, not a missing column."""
    statement = await connection.prepare(query)
    assert statement.get_attributes()
    async with connection.transaction(readonly=True):
        await statement.fetch()


def test_the_runbook_has_queries_for_what_operators_look_for() -> None:
    headings = set(re.findall(r"^## (.+)$", (RUNBOOK / "monitoring.md").read_text(), re.MULTILINE))
    assert {
        "Runs by state",
        "Stale by heartbeat",
        "Stale by lock_ts",
        "Oldest beats",
        "No progress",
        "Calls without a sid",
    } <= headings


def test_every_link_within_the_docs_leads_somewhere() -> None:
    docs = RUNBOOK.parent
    for page in docs.rglob("*.md"):
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} points at {target}"
