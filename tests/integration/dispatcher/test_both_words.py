"""An answer to a create that contradicts the record is logged once, with what we had and what it says, and counted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from services.dispatcher.record import Recorder
from shared import metrics
from shared.db import Database
from shared.queries.dispatching import DialResult
from tests.integration.campaigns import Campaigns, Row, campaigns_in, new_sid
from tests.integration.reaper.rig import settings_for


class Answers:
    """Records answers as a dispatcher does."""

    def __init__(self, db: Database, database_url: str, campaigns: Campaigns) -> None:
        self._db = db
        self._settings = settings_for(database_url, "http://127.0.0.1:1")
        self.campaigns = campaigns

    async def accepted(self, call: Row, sid: str) -> list[dict[str, Any]]:
        """What is logged when the provider says that it accepted a call under this sid."""
        recorder = Recorder(self._db, self._settings)
        recorder.put(DialResult(call["call_id"], call["dial_token"], "accepted", call_sid=sid))
        with capture_logs() as lines:
            await asyncio.gather(recorder.run(), recorder.close())
        return [dict(line) for line in lines]

    async def calls(self, count: int) -> list[Row]:
        business = await self.campaigns.business(cap=count)
        await self.campaigns.run(business, count)
        return await self.campaigns.claim_so_many(business, count)


@pytest.fixture
async def answers(database_url: str) -> AsyncIterator[Answers]:
    db = Database(database_url, name="tests-answers", size=2)
    async with campaigns_in(database_url) as campaigns:
        await campaigns.account(shared=True)
        yield Answers(db, database_url, campaigns)
    await db.close()


def counted(kind: str) -> float:
    return metrics.REGISTRY.get_sample_value("ringfence_provider_contradictions_total", {"kind": kind}) or 0.0


def the_conflict(lines: list[dict[str, Any]]) -> dict[str, Any]:
    (line,) = [line for line in lines if line["event"] == "DEDUP_CONFLICT"]
    return line


async def test_a_second_sid_is_told_with_the_first(answers: Answers) -> None:
    (call,), first, second = await answers.calls(1), new_sid(), new_sid()
    assert await answers.campaigns.dialled(call, "accepted", first) == "accepted"
    before = counted("second_sid")
    line = the_conflict(await answers.accepted(call, second))
    assert (line["action"], line["known_sid"], line["call_sid"]) == ("second_sid", first, second)
    assert (line["known_state"], line["said"], line["call_id"]) == ("accepted", "accepted", call["call_id"])
    assert not [line for line in await answers.accepted(call, second) if line["event"] == "DEDUP_CONFLICT"]
    assert counted("second_sid") == before + 1


async def test_a_sid_of_another_call_makes_the_call_uncertain_and_is_told_with_both(answers: Answers) -> None:
    (mine, other), sid = await answers.calls(2), new_sid()
    await answers.campaigns.dialled(other, "accepted", sid)
    before = counted("foreign_sid")
    lines = await answers.accepted(mine, sid)
    line = the_conflict(lines)
    assert (line["action"], line["call_sid"], line["sid_of_call"]) == ("foreign_sid", sid, other["call_id"])
    assert (line["call_id"], line["known_sid"], line["known_state"]) == (mine["call_id"], None, "dialing")
    (uncertain,) = [line for line in lines if line["event"] == "CALL_UNCERTAIN"]
    assert uncertain["reason"] == "the answer names another call"
    assert (await answers.campaigns.call(mine))["state"] == "uncertain"
    assert counted("foreign_sid") == before + 1


async def test_a_call_that_surfaces_is_told_with_how_it_was_given_up(answers: Answers) -> None:
    (call,), sid = await answers.calls(1), new_sid()
    assert await answers.campaigns.given_up(call) == "absent"
    before = counted("surfaced")
    line = the_conflict(await answers.accepted(call, sid))
    assert (line["action"], line["known_state"], line["known_sid"]) == ("surfaced", "abandoned", None)
    assert (line["call_sid"], line["said"]) == (sid, "accepted")
    assert counted("surfaced") == before + 1
