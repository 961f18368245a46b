"""Takes in a file of leads: all that are good, or none when anything else goes wrong.

Rules: lines wait in a table of the transaction's own until all of them are there, and only then are leads locked, in
the order of their numbers; so an import that breaks off leaves nothing, one that is repeated changes nothing, and two
at once cannot block each other for good.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import IO

from services.api.dependencies import Acting
from services.api.lead_file import BadLine, LeadFile
from shared.crashpoints import crash_point
from shared.queries import leads

IMPORTS_AT_ONCE = 2
"""So that imports leave room among the connections for bulk work; further ones wait."""

_turn = asyncio.Semaphore(IMPORTS_AT_ONCE)


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of a file: leads made, lines that named a known lead, and lines not taken."""

    created: int
    updated: int
    invalid: list[BadLine]
    invalid_count: int


async def import_leads(acting: Acting, file: IO[bytes], region: str) -> Imported:
    """Take in every good line of a CSV file. Raises Refused when it is no file of leads."""
    async with _turn:
        read = await asyncio.to_thread(LeadFile, file, region)
        crash_point("api.import.before")
        async with acting.bulk.transaction(business_id=acting.business_id) as connection:
            await leads.create_stage(connection)
            batches = read.batches()
            while (batch := await asyncio.to_thread(next, batches, None)) is not None:
                await leads.stage(connection, batch)
            crash_point("api.import.staged")
            created = await leads.merge_stage(connection, acting.business_id)
            crash_point("api.import.merged")
        crash_point("api.import.committed")
    return Imported(created, read.taken - created, read.invalid, read.invalid_count)
