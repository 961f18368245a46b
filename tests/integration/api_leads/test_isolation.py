"""What the database refuses when our own statements forget whose rows they are about."""

from __future__ import annotations

import asyncpg
import pytest
from sqlalchemy import text

from shared.db import Database
from shared.queries.businesses import read_business, save_business
from shared.queries.leads import LeadRow, create_stage, merge_stage, page_of_leads, stage, take_in
from tests.integration.api.rig import Rig, World
from tests.integration.api_leads.conftest import Pair

PHONE = "+972522005574"


async def test_leads_are_not_read_when_no_business_is_named(rig: Rig, pair: Pair, world: World) -> None:
    await world.leads(pair.a, 2)
    assert await page_of_leads(rig.context.own.db, None, 0, 10) == []


async def test_leads_of_another_business_are_not_read_without_the_filter(rig: Rig, pair: Pair, world: World) -> None:
    mine, _ = await world.leads(pair.a, 1), await world.leads(pair.b, 1)
    async with rig.context.own.db.transaction(business_id=pair.a) as connection:
        assert [row.id for row in await connection.rows(text("SELECT id FROM leads"))] == mine
        changed = await connection.rows(text("UPDATE leads SET name = 'seen' RETURNING id"))
        assert [row.id for row in changed] == mine
    assert await world.value("SELECT name FROM leads WHERE business_id = $1", pair.b) is None


async def test_leads_are_not_written_for_another_business(rig: Rig, pair: Pair, world: World) -> None:
    await take_in(rig.context.own.db, pair.b, [LeadRow(PHONE, "of B", None)])
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
        await _import_for(pair.b, rig.context.own.bulk, acting_as=pair.a)
    assert await world.value("SELECT array_agg(name) FROM leads") == ["of B"]


async def _import_for(business_id: int, db: Database, *, acting_as: int) -> None:
    async with db.transaction(business_id=acting_as) as connection:
        await create_stage(connection)
        await stage(connection, f"1\t{PHONE}\tof A\t\\N\n".encode())
        await merge_stage(connection, business_id)


async def test_a_business_is_not_read_or_changed_in_anothers_name(rig: Rig, pair: Pair, world: World) -> None:
    async with rig.context.own.db.transaction(business_id=pair.a) as connection:
        assert [row.id for row in await connection.rows(text("SELECT id FROM businesses"))] == [pair.a]
        changed = await connection.rows(text("UPDATE businesses SET name = 'mine' RETURNING id"))
        assert [row.id for row in changed] == [pair.a]
    assert await world.value("SELECT name FROM businesses WHERE id = $1", pair.b) == "B"
    assert await read_business(rig.context.own.db, 10**6) is None
    assert await save_business(rig.context.own.db, 10**6, {"name": "x"}) == ("not_found", None)
