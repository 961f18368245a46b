"""Whose a sid is."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text

from shared.db import Database

# The calls of ours, other than this one, that these sids belong to, for certain or by a guess.
KNOWN_SIDS = text("""
    SELECT call_sid, id AS call_id, business_id, run_id, job_id, state, outcome, settled_how, ended_at
    FROM calls WHERE call_sid = ANY (CAST(:sids AS text[])) AND id IS DISTINCT FROM CAST(:but AS bigint)
""")

TOLD_US = frozenset({"callback", "fetch"})
"""How a call ends by the provider's word about its own sid."""


@dataclass(frozen=True)
class KnownCall:
    """A call of ours as it stands."""

    call_sid: str
    call_id: int
    business_id: int
    run_id: int
    job_id: int
    state: str
    outcome: str | None
    settled_how: str | None
    ended_at: datetime | None

    def was_over(self, at: datetime) -> bool:
        """Whether the provider had told us its end before this moment of the database's clock."""
        return self.ended_at is not None and self.ended_at < at and self.settled_how in TOLD_US

    @property
    def words(self) -> dict[str, object]:
        """Its ids and what we hold of it, as a line of the log shows them."""
        return {
            "business_id": self.business_id,
            "run_id": self.run_id,
            "job_id": self.job_id,
            "call_id": self.call_id,
            "call_sid": self.call_sid,
            "known_state": self.state,
            "known_outcome": self.outcome,
            "known_how": self.settled_how,
            "known_end": self.ended_at,
        }


async def known_sids(db: Database, sids: Collection[str], but: int | None = None) -> dict[str, KnownCall]:
    """Return those of these sids that are calls of ours, other than the call `but`."""
    if not sids:
        return {}
    rows = await db.rows(KNOWN_SIDS, sids=list(sids), but=but)
    names = KnownCall.__dataclass_fields__
    return {row.call_sid: KnownCall(**{name: getattr(row, name) for name in names}) for row in rows}
