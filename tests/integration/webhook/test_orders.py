"""Callbacks are separate requests and come in any order, more than once; the end state is one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import permutations

import pytest

from tests.integration.campaigns import new_sid
from tests.integration.webhook.desk import Desk

EVENTS = ("initiated", "ringing", "in-progress", "completed")
ORDERS = list(permutations(range(len(EVENTS))))


def _each_twice(order: tuple[int, ...]) -> list[int]:
    return [at for at in order for _ in range(2)]


def _all_again(order: tuple[int, ...]) -> list[int]:
    return [*order, *order]


def _then_backwards(order: tuple[int, ...]) -> list[int]:
    return [*order, *reversed(order)]


@pytest.mark.parametrize("doubling", [_each_twice, _all_again, _then_backwards])
async def test_every_order_of_four_doubled_callbacks_ends_alike(
    desk: Desk, doubling: Callable[[tuple[int, ...]], list[int]]
) -> None:
    """When this breaks a slot leaks, is freed twice, or a call that is over comes back to life."""
    business = await desk.campaigns.business(cap=len(ORDERS))
    run = await desk.campaigns.run(business, len(ORDERS))
    calls = await desk.campaigns.claim_so_many(business, len(ORDERS))

    for order, call in zip(ORDERS, calls, strict=True):
        sid = new_sid()
        for at in doubling(order):
            answer = await desk.provider.status(call, EVENTS[at], sid, sequence=at)
            assert answer.status_code == 204
        row, job = await desk.campaigns.call(call), await desk.campaigns.job(call)
        assert (row["state"], row["outcome"], row["call_sid"], row["settled_how"]) == (
            "ended",
            "answered",
            sid,
            "callback",
        )
        assert row["accepted_at"] <= row["answered_at"] <= row["ended_at"]
        assert (row["next_check_at"], row["hangup_at"]) == (None, None)
        assert (job["status"], job["outcome"], job["twilio_call_sid"]) == ("completed", "answered", sid)

    events = await desk.campaigns.rows("SELECT call_id, event, sequence FROM call_events")
    assert len(events) == len(ORDERS) * len(EVENTS)
    assert sorted(hint.job_id for hint in desk.released) == sorted(call["job_id"] for call in calls)
    finished = await desk.campaigns.run_row(run)
    assert (finished["status"], finished["cursor_position"]) == ("completed", len(ORDERS))


async def test_callbacks_that_come_all_at_once_end_alike(desk: Desk) -> None:
    business = await desk.campaigns.business(cap=20)
    run = await desk.campaigns.run(business, 20)
    calls = await desk.campaigns.claim_so_many(business, 20)
    sids = [new_sid() for _ in calls]

    answers = await asyncio.gather(
        *(
            desk.provider.status(call, event, sid, sequence=at)
            for call, sid in zip(calls, sids, strict=True)
            for at, event in enumerate(EVENTS)
            for _ in range(3)
        )
    )

    assert {answer.status_code for answer in answers} == {204}
    assert len(desk.released) == len(calls)
    rows = await desk.campaigns.rows("SELECT state, outcome, call_sid FROM calls ORDER BY id")
    assert [tuple(row) for row in rows] == [("ended", "answered", sid) for sid in sids]
    assert (await desk.campaigns.run_row(run))["status"] == "completed"


async def test_a_rank_only_rises_while_the_call_lives(desk: Desk) -> None:
    call, sid = await desk.call(), new_sid()
    seen = []
    for event, sequence in (("initiated", 0), ("in-progress", 2), ("ringing", 1), ("initiated", 0)):
        await desk.provider.status(call, event, sid, sequence=sequence)
        seen.append((await desk.campaigns.call(call))["state"])
    assert seen == ["accepted", "answered", "answered", "answered"]
    assert (await desk.campaigns.job(call))["status"] == "in_progress"
    assert desk.released == []
