"""Why nothing of a run is being dialled, decided from facts alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from services.api.describe import describe, waiting_for
from shared.queries.runs import RunFacts

NOW = datetime(2026, 1, 1, tzinfo=UTC)
GOING = RunFacts(
    run_id=1,
    business_id=1,
    name=None,
    status="running",
    total_leads=9,
    queued=5,
    in_progress=1,
    completed=1,
    failed=1,
    cancelled=1,
    cursor_position=3,
    cancel_requested=False,
    created_at=NOW,
    started_at=NOW,
    ended_at=None,
    last_heartbeat_at=NOW,
    locked_by_worker="w:1",
    created_by_user_id="u",
    end_reason=None,
    stale=False,
    blocked_code=None,
    blocked_since=None,
    retry_at=None,
    dispatcher_alive=True,
    has_account=True,
    cap=3,
    live=1,
    uncertain=0,
    rate_allows=True,
    claimable=True,
)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, None),
        ({"dispatcher_alive": False, "live": 3}, "dispatcher"),
        ({"blocked_code": "20003", "live": 3}, "provider"),
        ({"has_account": False, "rate_allows": False}, "provider"),
        ({"live": 3, "uncertain": 2}, "slots"),
        ({"live": 5, "uncertain": 0}, "slots"),
        ({"live": 3, "uncertain": 3}, "uncertain"),
        ({"live": 3, "uncertain": 3, "blocked_code": "ambiguous"}, "uncertain"),
        ({"live": 3, "uncertain": 3, "blocked_code": "20003"}, "provider"),
        ({"claimable": False}, "uncertain"),
        ({"rate_allows": False}, "rate"),
        ({"queued": 0, "dispatcher_alive": False}, None),
        ({"cancel_requested": True, "dispatcher_alive": False}, None),
        ({"ended_at": NOW, "dispatcher_alive": None}, None),
    ],
)
def test_a_run_waits_for_the_first_thing_that_stands_in_the_way(changes: dict[str, Any], reason: str | None) -> None:
    assert waiting_for(replace(GOING, **changes)) == reason


@pytest.mark.parametrize(
    ("changes", "can_cancel"), [({}, True), ({"cancel_requested": True}, False), ({"ended_at": NOW}, False)]
)
def test_only_an_active_run_that_nobody_has_cancelled_can_be(changes: dict[str, Any], *, can_cancel: bool) -> None:
    assert describe(replace(GOING, **changes)).can_cancel is can_cancel


def test_a_refusing_account_is_shown_with_its_code_and_times() -> None:
    run = describe(replace(GOING, blocked_code="20003", blocked_since=NOW, retry_at=NOW))
    assert run.blocked is not None
    assert (run.blocked.code, run.blocked.since, run.blocked.retry_at) == ("20003", NOW, NOW)
    assert describe(GOING).blocked is None
