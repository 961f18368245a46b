"""The check at start that businesses are kept apart by the database itself, not by our WHERE clauses alone."""

from __future__ import annotations

from shared.db import Database
from shared.errors import IsolationBroken
from shared.queries.schema import read_unprotected, sees_leads

TABLES = ["businesses", "leads", "outbound_call_runs", "outbound_call_jobs", "calls", "call_events", "idempotency_keys"]


async def require_isolation(db: Database) -> None:
    """Raise IsolationBroken if the API's role could read rows of a business that it has not named."""
    if unprotected := await read_unprotected(db, TABLES):
        raise IsolationBroken(f"row-level security is not in force on {', '.join(unprotected)}")
    if await sees_leads(db):
        raise IsolationBroken
