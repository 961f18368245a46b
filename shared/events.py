"""The three messages, as hints: each means "look at this business again".

Rules: past tense, frozen, ids not objects; readers ignore fields they do not know, so a newer writer never stops
an older reader.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field

LARGEST_ID = 2**63 - 1
Id = Annotated[int, Field(gt=0, le=LARGEST_ID)]
"""An id as the database can hold it: a number that it cannot must be refused before it is asked."""


class Event(BaseModel):
    """What every message shares: it is frozen, strict about types, and names its routing key."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    routing_key: ClassVar[str]

    business_id: Id


class RunCreated(Event):
    """A run and its jobs were committed."""

    routing_key: ClassVar[str] = "run.created"

    run_id: Id


class SlotReleased(Event):
    """A call ended and its slot is free."""

    routing_key: ClassVar[str] = "slot.released"

    run_id: Id
    job_id: Id
    call_sid: str | None = None
    outcome: str | None = None


class RunStale(Event):
    """A run has been quiet for too long (`corrected` false: a nudge), or was corrected (true)."""

    routing_key: ClassVar[str] = "run.stale"

    run_id: Id
    last_heartbeat_at: datetime | None = Field(default=None, strict=False)
    corrected: bool = False
