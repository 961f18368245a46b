"""Statements that tests of the claim share."""

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from tests.integration.campaigns import WORKER, Campaigns, Row, new_sid

CLAIM = "SELECT * FROM ringfence_claim($1, $2, $3, $4, '3 s', '15 s', '1 h', NULL)"


async def claim_all(campaigns: Campaigns, businesses: Sequence[int], limit: int = 100) -> list[Row]:
    """Claim, and return calls and verdicts alike."""
    return await campaigns.rows(CLAIM, list(businesses), WORKER, campaigns.epoch, limit)


async def verdict(campaigns: Campaigns, business: int, limit: int = 100) -> str:
    """Claim for one business, and return why it got no more."""
    return str((await claim_all(campaigns, [business], limit))[-1]["verdict"])


async def answered(campaigns: Campaigns, call: Row, klass: str, sid: str | None = None, **more: Any) -> Row:
    """Record an answer to a create, and return all that it changed."""
    item = {"call_id": call["call_id"], "token": str(call["dial_token"]), "class": klass, "call_sid": sid, **more}
    rows = await campaigns.rows("SELECT * FROM ringfence_record_dials($1, '5 s', '60 s')", json.dumps([item]))
    return rows[0]


async def called_back(campaigns: Campaigns, call: Row, sid: str, event: str = "completed", rank: int = 4) -> Row:
    """Record a callback as the webhook does; a terminal one says that the call was answered."""
    item = {"n": 0, "token": str(call["dial_token"]), "call_sid": sid, "event": event, "rank": rank,
            "outcome": "answered" if rank == 4 else None, "sequence": rank, "code": None, "fields": {}}  # fmt: skip
    record = "SELECT * FROM ringfence_record_callbacks($1, '60 s', true)"
    return (await campaigns.rows(record, json.dumps([item])))[0]


async def ended(campaigns: Campaigns, call: Row) -> Row:
    """Let a claimed call ring, be answered and end."""
    sid = new_sid()
    await answered(campaigns, call, "accepted", sid)
    return await called_back(campaigns, call, sid)


async def look_again(campaigns: Campaigns, call: Row, finding: str, later: timedelta) -> str | None:
    """Settle a call by a look at the provider that much later."""
    settle = (
        """SELECT result FROM ringfence_settle($1, $2, $3, NULL, NULL, NULL, clock_timestamp() + $4, '5 s', '60 s')"""
    )
    found: str | None = await campaigns.connection.fetchval(settle, call["call_id"], call["dial_token"], finding, later)
    return found


INVARIANTS = {
    "more live calls than the cap": """
        SELECT business_id FROM calls JOIN businesses b ON b.id = business_id WHERE ended_at IS NULL
        GROUP BY business_id, b.max_concurrent_calls HAVING count(*) > b.max_concurrent_calls""",
    "a job in hand without a live call": """
        SELECT j.id FROM outbound_call_jobs j WHERE j.status IN ('dialing', 'in_progress')
        AND NOT EXISTS (SELECT 1 FROM calls c WHERE c.job_id = j.id
                        AND (c.ended_at IS NULL OR c.surfaced_at IS NOT NULL))""",
    "a live call whose job is not in hand": """
        SELECT c.id FROM calls c JOIN outbound_call_jobs j ON j.id = c.job_id
        WHERE c.ended_at IS NULL AND j.status NOT IN ('dialing', 'in_progress')""",
    "a queued job of an ended run": """
        SELECT j.id FROM outbound_call_jobs j JOIN outbound_call_runs r ON r.id = j.run_id
        WHERE j.status = 'queued' AND r.ended_at IS NOT NULL""",
    "a run that goes on with nothing open": """
        SELECT r.id FROM outbound_call_runs r WHERE r.ended_at IS NULL AND NOT EXISTS (
            SELECT 1 FROM outbound_call_jobs j
            WHERE j.run_id = r.id AND j.status IN ('queued', 'dialing', 'in_progress'))""",
    "a queued job below the floor": """
        SELECT j.id FROM outbound_call_jobs j JOIN outbound_call_runs r ON r.id = j.run_id
        WHERE j.status = 'queued' AND j.id < r.claim_floor""",
    "a cursor that is not the count of dialled jobs": """
        SELECT r.id FROM outbound_call_runs r
        WHERE r.cursor_position <> (SELECT count(*) FROM outbound_call_jobs j WHERE j.run_id = r.id AND j.dialed)""",
    "a job dialled twice": """
        SELECT job_id FROM calls WHERE call_sid IS NOT NULL AND duplicate_of IS NULL AND surfaced_at IS NULL
        GROUP BY job_id HAVING count(*) > 1""",
}


async def broken_invariants(campaigns: Campaigns) -> list[str]:
    """The names of the invariants that do not hold."""
    return [name for name, query in INVARIANTS.items() if await campaigns.rows(query)]
