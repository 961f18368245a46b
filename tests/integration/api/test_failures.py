"""A fault of our own in a request: the client gets the one shape, the log one line with ids, and a metric counts it."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from services.api import runs
from shared.auth import Role
from shared.metrics import REGISTRY
from tests.integration.api.rig import Rig, World

COUNTED = ("ringfence_loop_errors_total", {"loop": "request"})


async def test_a_fault_of_ours_is_answered_in_the_one_shape_logged_once_and_counted(
    rig: Rig, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    business = await world.business()
    asker = rig.asker(business, Role.VIEWER)

    async def broken(*_arguments: object, **_named: object) -> None:
        raise ZeroDivisionError("nobody should see this but us")

    before = REGISTRY.get_sample_value(*COUNTED)
    assert before is not None, "the series is there before the first failure"
    with capture_logs() as lines, monkeypatch.context() as failing:
        failing.setattr(runs, "one_run", broken)
        answer = await asker.get("/api/outbound/runs/12")
    assert answer.status_code == 500
    assert answer.json()["code"] == "unavailable"
    assert "nobody should see" not in answer.text
    (line,) = [line for line in lines if line["log_level"] == "error"]
    assert (line["event"], line["error"], line["business_id"]) == ("REQUEST_FAILED", "ZeroDivisionError", business)
    assert (line["method"], line["path"]) == ("GET", "/api/outbound/runs/12")
    assert REGISTRY.get_sample_value(*COUNTED) == before + 1
    assert (await asker.get("/api/outbound/runs")).status_code == 200
