"""Rows made directly, where making them is not what is measured."""

from __future__ import annotations

import asyncpg

from bench.work import FIRST_BUSINESS, LEAD_DIGITS, PREFIX, Work

RATE = 100_000
ADD_BUSINESSES = """
    INSERT INTO businesses (name, max_concurrent_calls, calls_per_second)
    SELECT 'business ' || n, $2, $3 FROM generate_series(0, $1 - 1) n RETURNING id
"""
ADD_LEADS = f"""
    INSERT INTO leads (business_id, phone)
    SELECT $1, '{PREFIX}' || ({FIRST_BUSINESS} + $2::int) || lpad(n::text, {LEAD_DIGITS}, '0')
    FROM generate_series($3::int, $3 + $4 - 1) n
    ORDER BY n RETURNING id
"""


async def add_businesses(connection: asyncpg.Connection, count: int, cap: int) -> list[int]:
    """New businesses on the shared account; their ids, which ascend."""
    return sorted(row["id"] for row in await connection.fetch(ADD_BUSINESSES, count, cap, RATE))


async def add_leads(
    connection: asyncpg.Connection, business_id: int, business: int, count: int, *, first: int = 0
) -> list[int]:
    """Leads of a business, which counts as number `business` in the work; their ids in the order of ringing."""
    return sorted(row["id"] for row in await connection.fetch(ADD_LEADS, business_id, business, first, count))


async def copy_leads(connection: asyncpg.Connection, business_ids: list[int], work: Work) -> list[list[int]]:
    """Leads for all of these businesses at once; the ids of each one's leads in the order of ringing."""
    rows = [(id_, phone) for number, id_ in enumerate(business_ids) for phone in work.phones(number)]
    await connection.copy_records_to_table("leads", records=rows, columns=["business_id", "phone"])
    made = await connection.fetch(
        "SELECT business_id, array_agg(id ORDER BY id) AS ids FROM leads WHERE business_id = ANY ($1) GROUP BY 1",
        business_ids,
    )
    by_business = {row["business_id"]: list(row["ids"]) for row in made}
    return [by_business[business_id] for business_id in business_ids]
