"""Histories doctored against the rules about more than one call for a job: (i) redials, (j) surplus calls."""

from __future__ import annotations

import pytest

from tests.integration.history.scene import Scene
from tests.integration.history.settlings import (
    by_its_deadline,
    by_not_being_sent,
    by_throttling,
    by_two_denials_and_a_redial,
    with_a_call_that_surfaced_after_its_redial,
    with_a_second_sid,
)

FIRST = "WHERE id = (SELECT min(id) FROM calls)"

TOO_SOON = {
    f"UPDATE calls SET denied_at = NULL {FIRST}": "without a first denial",
    f"UPDATE calls SET denied_at = ended_at - interval '4 s' {FIRST}": "4.000 s after its first denial",
    f"UPDATE calls SET created_at = ended_at - interval '77 s' {FIRST}": "s too early",
    "UPDATE outbound_call_runs SET on_uncertain = 'never'": "never redials on doubt",
    f"UPDATE calls SET settled_how = 'callback' {FIRST}": "claimed again after an attempt settled by callback",
    f"UPDATE calls SET settled_how = 'not_sent' {FIRST}": "as never sent was sent",
    f"UPDATE calls SET settled_how = 'throttled' {FIRST}": "as never processed was processed",
    f"UPDATE calls SET ended_at = ended_at + interval '1 min' {FIRST}": "while its attempt was live",
}


@pytest.mark.parametrize(("statement", "text"), TOO_SOON.items(), ids=list(TOO_SOON.values()))
async def test_i_rejects_a_redial_that_the_contract_does_not_allow(scene: Scene, statement: str, text: str) -> None:
    await scene.run(1)
    await by_two_denials_and_a_redial(scene, await scene.claim())
    assert await scene.violations() == {}
    await scene.doctor(statement)
    assert text in (await scene.violations())["i"][0]


async def test_i_rejects_a_redial_while_the_provider_held_the_call(scene: Scene) -> None:
    await scene.run(1)
    call = await scene.claim()
    await by_two_denials_and_a_redial(scene, call)
    request = next(line for line in scene.ledger.lines if line["kind"] == "request")
    sid = scene.ledger.call(request, at=request["at"])
    scene.ledger.says("state", sid, state="no-answer")
    scene.ledger.of(sid, "state")["at"] = request["at"] + 30
    assert "while the provider held its call" in (await scene.violations())["i"][0]
    scene.ledger.of(sid, "call")["behaviour"] = {"rest_stale": {"lag": 120}}
    assert await scene.violations() == {}


@pytest.mark.parametrize("settling", [by_not_being_sent, by_its_deadline], ids=["not sent", "past its deadline"])
async def test_i_rejects_an_attempt_called_never_sent_that_the_ledger_holds(scene: Scene, settling: object) -> None:
    await scene.run(1)
    call = await scene.claim()
    await (by_not_being_sent if settling is by_not_being_sent else by_its_deadline)(scene, call)
    scene.ledger.request(call, mode="reset_before_accept", status=None)
    assert (await scene.violations())["i"] == ["an attempt given up as never sent was sent"]


async def test_i_rejects_an_attempt_called_never_processed_that_was(scene: Scene) -> None:
    await scene.run(1)
    await by_throttling(scene, await scene.claim())
    request = next(line for line in scene.ledger.lines if line["answer_status"] == 429)
    scene.ledger.ends(scene.ledger.call(request))
    assert (await scene.violations())["i"] == ["an attempt given up as never processed was processed"]


async def second(scene: Scene) -> str:
    """An honest second call; its sid."""
    await scene.run(1)
    await with_a_second_sid(scene, await scene.claim())
    assert await scene.violations() == {}
    return str(next(line for line in scene.ledger.lines if line["kind"] == "hang_up")["sid"])


async def test_j_rejects_a_second_sid_that_nobody_injected(scene: Scene) -> None:
    sid = await second(scene)
    request = scene.ledger.request_of(sid)
    request["mode"] = None
    found = await scene.violations()
    assert found["j"] == ["a second call without an injected fault"]
    assert "b" in found
    scene.faults.append({"fault": "two_sids", "request_id": request["request_id"]})
    assert await scene.violations() == {}


async def test_j_rejects_a_second_sid_that_was_not_reported(scene: Scene) -> None:
    await second(scene)
    await scene.doctor("DELETE FROM calls WHERE outcome = 'duplicate'")
    assert (await scene.violations())["j"] == ["a second call was told of and not reported"]


async def test_j_rejects_a_second_sid_that_was_not_hung_up(scene: Scene) -> None:
    sid = await second(scene)
    scene.ledger.without(scene.ledger.of(sid, "hang_up"))
    assert await scene.violations() == {}  # its row says that it was over by itself before
    await scene.doctor("UPDATE calls SET hung_up_at = NULL WHERE outcome = 'duplicate'")
    assert (await scene.violations())["j"] == ["a second call was not hung up"]
    scene.ledger.without(scene.ledger.of(sid, "state"))
    await scene.doctor("UPDATE calls SET hangup_requested_at = ended_at - interval '9 s' WHERE outcome = 'duplicate'")
    assert (await scene.violations())["j"] == ["a second call was not hung up"]
    scene.ledger.says("voice", sid, document="<Response><Hangup/></Response>")
    assert "j" not in await scene.violations()


async def superseded(scene: Scene) -> str:
    """A call that surfaced, honestly, after its attempt had been given up; its sid."""
    await scene.run(1)
    await with_a_call_that_surfaced_after_its_redial(scene, await scene.claim())
    assert await scene.violations() == {}
    return str(next(line for line in scene.ledger.lines if line["kind"] == "hang_up")["sid"])


async def test_j_rejects_a_superseded_call_that_nobody_injected(scene: Scene) -> None:
    request = scene.ledger.request_of(await superseded(scene))
    request["mode"] = None
    found = await scene.violations()
    assert found["j"] == ["a superseded call without an injected fault"]
    assert "b" in found
    scene.faults.append({"fault": "create_late", "account": request["account"], "until": request["at"]})
    assert await scene.violations() == {}


async def test_j_rejects_a_superseded_call_that_was_not_reported_or_not_hung_up(scene: Scene) -> None:
    sid = await superseded(scene)
    await scene.doctor("UPDATE calls SET surfaced_at = NULL")
    assert (await scene.violations())["j"] == ["a superseded call was told of and not reported"]
    await scene.doctor(f"UPDATE calls SET surfaced_at = ended_at, hung_up_at = NULL WHERE call_sid = '{sid}'")
    scene.ledger.without(scene.ledger.of(sid, "hang_up"))
    assert (await scene.violations())["j"] == ["a superseded call was not hung up"]


async def test_j_rejects_reports_of_calls_that_never_were(scene: Scene) -> None:
    sid = await second(scene)
    scene.ledger.without(*[line for line in scene.ledger.lines if line.get("sid") == sid])
    assert (await scene.violations())["j"] == ["a report of a call that the provider never made"]
