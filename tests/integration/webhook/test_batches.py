"""A batch is its callbacks one after the other, though much of it is written at once."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from tests.integration.campaigns import Campaigns, Row, campaigns_in, new_sid

RECORD = """
    SELECT n, result, released, known_state, known_outcome, known_sid, sid_of
    FROM ringfence_record_callbacks($1, '60 s', false) ORDER BY n
"""
CALL = """
    SELECT state, outcome, call_sid, sequence, accepted_at IS NOT NULL AS accepted, answered_at IS NOT NULL AS answered,
        ended_at IS NOT NULL AS over, settled_how, (SELECT count(*) FROM call_events e WHERE e.call_id = c.id) AS events
    FROM calls c WHERE id = $1
"""
RANKS = {"initiated": (1, None), "ringing": (2, None), "in-progress": (3, None), "completed": (4, "answered")}
Said = tuple[int, int, str, int]  # which call, by which call's sid, what, sequence number

STORIES: dict[str, list[Said]] = {
    "a whole call": [(0, 0, "ringing", 1), (0, 0, "in-progress", 2), (0, 0, "completed", 3)],
    "backwards": [(0, 0, "in-progress", 2), (0, 0, "initiated", 0), (0, 0, "ringing", 1)],
    "said twice": [(0, 0, "ringing", 1), (1, 1, "ringing", 1), (0, 0, "ringing", 1), (0, 0, "ringing", 2)],
    "two calls in turn": [(0, 0, "ringing", 1), (1, 1, "in-progress", 2), (0, 0, "completed", 3), (1, 1, "ringing", 1)],
    "another's new sid": [(0, 0, "ringing", 1), (1, 0, "ringing", 1), (1, 1, "in-progress", 2)],
    "a second sid": [(0, 0, "ringing", 1), (0, 2, "ringing", 1), (0, 0, "completed", 2)],
}


@dataclass(frozen=True)
class Scene:
    """Two calls of one run, and sids for them."""

    calls: list[Row]
    sids: list[str]

    def item(self, n: int, said: Said) -> dict[str, Any]:
        call, sid, event, sequence = said
        rank, outcome = RANKS[event]
        told = {"event": event, "rank": rank, "outcome": outcome, "sequence": sequence, "code": None, "fields": {}}
        return {"n": n, "token": str(self.calls[call]["dial_token"]), "call_sid": self.sids[sid], **told}

    def named(self, row: Row) -> dict[str, Any]:
        """The row, with sids and calls by their places."""
        places = {sid: f"sid {at}" for at, sid in enumerate(self.sids)}
        places |= {call["call_id"]: f"call {at}" for at, call in enumerate(self.calls)}
        names = ("call_sid", "known_sid", "sid_of")
        return {name: places.get(value) if name in names else value for name, value in row.items()}


async def scene(campaigns: Campaigns, accepted: bool) -> Scene:
    business = await campaigns.business()
    await campaigns.run(business, 2)
    made = Scene(await campaigns.claim(business), [new_sid() for _ in range(3)])
    for call, sid in zip(made.calls, made.sids[:2], strict=True):
        if accepted:
            await campaigns.dialled(call, sid=sid)
    return made


async def told(campaigns: Campaigns, made: Scene, batches: list[list[Said]]) -> list[dict[str, Any]]:
    """What the batches came to: a row for each callback, and how the calls and their run stand."""
    rows: list[Row] = []
    for batch in batches:
        items = [made.item(n, said) for n, said in enumerate(batch)]
        rows += await campaigns.rows(RECORD, json.dumps(items))
    for call in made.calls:
        rows += await campaigns.rows(CALL, call["call_id"])
    run = await campaigns.run_row(made.calls[0]["run_id"])
    named = [{name: value for name, value in made.named(row).items() if name != "n"} for row in rows]
    return [*named, {name: run[name] for name in ("status", "cursor_position")}]


@pytest.mark.parametrize("accepted", [True, False], ids=["accepted", "unanswered"])
@pytest.mark.parametrize("story", STORIES)
async def test_a_batch_changes_and_says_what_its_callbacks_would_alone(
    database_url: str, story: str, accepted: bool
) -> None:
    """When this breaks what happens to a call depends on which callbacks happened to wait together."""
    said = STORIES[story]
    async with campaigns_in(database_url) as campaigns:
        await campaigns.account(shared=True)
        alone = await told(campaigns, await scene(campaigns, accepted), [[one] for one in said])
        together = await told(campaigns, await scene(campaigns, accepted), [said])
    assert together == alone
    assert alone[0]["result"] == "recorded"


async def test_answers_recorded_at_once_each_count_into_the_cursor_once(database_url: str) -> None:
    async with campaigns_in(database_url) as campaigns:
        await campaigns.account(shared=True)
        businesses = [await campaigns.business(), await campaigns.business()]
        runs = [await campaigns.run(business, 3) for business in businesses]
        calls = [call for business in businesses for call in await campaigns.claim_so_many(business, 3)]
        await campaigns.dialled(calls[0], sid=(first := new_sid()))
        items = [
            {"call_id": c["call_id"], "token": str(c["dial_token"]), "class": "accepted", "call_sid": sid}
            for c, sid in zip(calls[:5], [first, *(new_sid() for _ in range(4))], strict=True)
        ]
        await campaigns.rows("SELECT * FROM ringfence_record_dials($1, '5 s', '60 s')", json.dumps(items))
        assert [(await campaigns.run_row(run))["cursor_position"] for run in runs] == [3, 2]
