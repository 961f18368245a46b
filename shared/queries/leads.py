"""Leads: many taken in at once, and read page by page.

Rules: a number known to a business is updated, never doubled; whoever writes several leads takes them in the order of
their numbers, so that two who write the same ones at once wait for each other and never in a circle. A name or
attributes that were not given are NULL on the way in, and leave what is known as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import text

from shared.crashpoints import crash_point
from shared.db import Database
from shared.pool import Connection

# Takes in leads that have different numbers; new ones get ids in the order in which they were given. A row that was
# only inserted has no xmax. Attributes that were not given and those given empty are both {} here; the latter are
# emptied by EMPTY_ATTRIBUTES.
UPSERT = text("""
    WITH given AS MATERIALIZED (
        SELECT nextval('leads_id_seq') AS id, u.*
        FROM unnest(CAST(:phones AS text[]), CAST(:names AS text[]), CAST(CAST(:attributes AS text[]) AS jsonb[]))
            AS u (phone, name, attributes)
    )
    INSERT INTO leads AS l (id, business_id, phone, name, attributes)
    SELECT g.id, :business_id, g.phone, g.name, coalesce(g.attributes, '{}')
    FROM given g
    ORDER BY g.phone COLLATE "C"
    ON CONFLICT (business_id, phone) DO UPDATE SET
        name = coalesce(excluded.name, l.name),
        attributes = CASE WHEN excluded.attributes = '{}' THEN l.attributes ELSE excluded.attributes END,
        updated_at = clock_timestamp()
    RETURNING l.id, l.phone, l.xmax = 0 AS created
""")

# Empties the attributes of leads that UPSERT has locked.
EMPTY_ATTRIBUTES = text("""
    UPDATE leads SET attributes = '{}' WHERE business_id = :business_id AND id = ANY (CAST(:ids AS bigint[]))
""")

# Where the lines of a file wait until all of them are there, each with the id that a new lead would get; it goes with
# the transaction.
CREATE_STAGE = text("""
    CREATE TEMPORARY TABLE staged_leads (
        id bigint DEFAULT nextval('leads_id_seq'), line bigint, phone text COLLATE "C", name text, attributes jsonb
    ) ON COMMIT DROP
""")

# Lets MERGE walk the staged lines in the order of their numbers.
INDEX_STAGE = text("CREATE INDEX ON staged_leads (phone, line)")
ANALYZE_STAGE = text("ANALYZE staged_leads")

# The last number of the next group of staged lines, NULL when there are fewer than a group.
NEXT_BOUND = text("SELECT phone FROM staged_leads WHERE phone > :after ORDER BY phone OFFSET :size LIMIT 1")

# Takes in the staged lines of a range of numbers; of several lines with one number the last word counts. What would
# change nothing is not written again.
MERGE = text("""
    WITH merged AS (
        SELECT min(s.id) AS id, s.phone,
            (array_agg(s.name ORDER BY s.line DESC) FILTER (WHERE s.name IS NOT NULL))[1] AS name,
            (array_agg(s.attributes ORDER BY s.line DESC) FILTER (WHERE s.attributes IS NOT NULL))[1] AS attributes
        FROM staged_leads s
        WHERE s.phone > :after AND (s.phone <= CAST(:upto AS text) OR CAST(:upto AS text) IS NULL)
        GROUP BY s.phone
    ), taken AS (
        INSERT INTO leads AS l (id, business_id, phone, name, attributes)
        SELECT m.id, :business_id, m.phone, m.name, coalesce(m.attributes, '{}') FROM merged m ORDER BY m.phone
        ON CONFLICT (business_id, phone) DO UPDATE SET
            name = coalesce(excluded.name, l.name),
            attributes = CASE WHEN excluded.attributes = '{}' THEN l.attributes ELSE excluded.attributes END,
            updated_at = clock_timestamp()
        WHERE coalesce(excluded.name, l.name) IS DISTINCT FROM l.name
            OR (excluded.attributes <> '{}' AND excluded.attributes <> l.attributes)
        RETURNING l.xmax = 0 AS created
    )
    SELECT count(*) FILTER (WHERE created) AS created FROM taken
""")

# One page of leads, of one business or, for the platform, of all.
PAGE = text("""
    SELECT id, business_id, phone, name, CAST(attributes AS text) AS attributes, created_at
    FROM leads
    WHERE (business_id = CAST(:business_id AS bigint) OR CAST(:business_id AS bigint) IS NULL)
        AND id > :after
    ORDER BY id
    LIMIT :limit
""")

GROUP = 20_000
"""Staged lines that are merged by one statement: a second or so."""


@dataclass(frozen=True, slots=True)
class LeadRow:
    """A lead to take in; `attributes` is JSON. None stands for what was not given."""

    phone: str
    name: str | None
    attributes: str | None


@dataclass(frozen=True, slots=True)
class TakenLead:
    """A lead that was taken in, and whether it was unknown before."""

    id: int
    phone: str
    created: bool


@dataclass(frozen=True, slots=True)
class Lead:
    """A lead as it is kept."""

    id: int
    business_id: int
    phone: str
    name: str | None
    attributes: dict[str, Any]
    created_at: datetime


async def take_in(db: Database, business_id: int, leads: Sequence[LeadRow]) -> list[TakenLead]:
    """Create or update leads that have different numbers, all or none."""
    values = {
        "phones": [lead.phone for lead in leads],
        "names": [lead.name for lead in leads],
        "attributes": [lead.attributes for lead in leads],
    }
    emptied = {lead.phone for lead in leads if lead.attributes == "{}"}
    async with db.transaction(business_id=business_id) as connection:
        rows = await connection.rows(UPSERT, business_id=business_id, **values)
        crash_point("leads.intake.merged")
        if ids := [row.id for row in rows if row.phone in emptied and not row.created]:
            await connection.rows(EMPTY_ATTRIBUTES, business_id=business_id, ids=ids)
    return [TakenLead(row.id, row.phone, row.created) for row in rows]


async def create_stage(connection: Connection) -> None:
    """Make room for the lines of a file within this transaction."""
    await connection.rows(CREATE_STAGE)


async def stage(connection: Connection, lines: bytes) -> None:
    """Add lines, in the text format of COPY: line, phone, name, attributes."""
    await connection.copy("staged_leads", ("line", "phone", "name", "attributes"), lines)


async def merge_stage(connection: Connection, business_id: int) -> int:
    """Create or update a lead for each number that was staged; the number of leads that were unknown before."""
    await connection.rows(INDEX_STAGE)
    await connection.rows(ANALYZE_STAGE)
    after, created = "", 0
    while True:
        bound = await connection.row(NEXT_BOUND, after=after, size=GROUP)
        upto = None if bound is None else bound.phone
        (merged,) = await connection.rows(MERGE, business_id=business_id, after=after, upto=upto)
        created += int(merged.created)
        if upto is None:
            return created
        after = upto


async def page_of_leads(db: Database, business_id: int | None, after: int, limit: int) -> list[Lead]:
    """Return at most `limit` leads whose id is above `after`; without a business those of all, where one may."""
    async with db.transaction(business_id=business_id) as connection:
        rows = await connection.rows(PAGE, business_id=business_id, after=after, limit=limit)
    return [
        Lead(row.id, row.business_id, row.phone, row.name, orjson.loads(row.attributes), row.created_at) for row in rows
    ]
