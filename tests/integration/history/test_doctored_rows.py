"""Histories doctored against the rules about what rows say: (d) outcomes, (e) leftovers, (g) leads, (h) slots."""

from __future__ import annotations

import pytest

from tests.integration.campaigns import new_sid
from tests.integration.history.scene import Scene
from tests.integration.history.settlings import by_an_operator, by_list, by_refusal, by_somebody_elses_call


async def rung(scene: Scene, count: int = 2) -> list[str]:
    """An honest campaign of ordinary calls, one after the other; their sids."""
    await scene.run(count)
    return [await scene.rings(await scene.claim()) for _ in range(count)]


async def test_d_rejects_another_outcome(scene: Scene) -> None:
    sids = await rung(scene)
    scene.ledger.of(sids[0], "state")["state"] = "busy"
    assert await scene.violations() == {"d": ["a call ended as busy, and its row says answered"]}


async def test_d_rejects_an_answer_that_was_a_machines(scene: Scene) -> None:
    sids = await rung(scene)
    scene.ledger.says("verdict", sids[0], answered_by="machine_start")
    assert await scene.violations() == {"d": ["a call ended as machine, and its row says answered"]}


async def test_d_rejects_a_row_that_ended_a_call_that_goes_on(scene: Scene) -> None:
    sids = await rung(scene)
    scene.ledger.without(scene.ledger.of(sids[0], "state"))
    assert await scene.violations() == {"d": ["a call that goes on is ended in its row"]}


async def test_d_rejects_a_call_that_no_row_names(scene: Scene) -> None:
    sids = await rung(scene)
    await scene.doctor(f"UPDATE calls SET call_sid = '{new_sid()}' WHERE call_sid = '{sids[0]}'")
    texts = (await scene.violations())["d"]
    assert "a call that the provider made stands in no row" in texts
    assert "a row names a call that the provider never made" in texts


async def test_d_rejects_calls_in_one_anothers_rows(scene: Scene) -> None:
    await rung(scene)
    await scene.doctor(
        "UPDATE calls SET call_sid = 'CA' || call_sid",
        """UPDATE calls c SET call_sid = (SELECT substr(o.call_sid, 3) FROM calls o WHERE o.id <> c.id)""",
    )
    assert (await scene.violations())["d"].count("a call stands in the row of another create") == 2


async def test_d_rejects_an_outcome_without_a_call(scene: Scene) -> None:
    await scene.run(2)
    await by_refusal(scene, await scene.claim())
    await scene.rings(await scene.claim())
    await scene.doctor("UPDATE calls SET outcome = 'busy' WHERE outcome = 'rejected'")
    assert "an outcome busy without a call" in (await scene.violations())["d"]


async def test_d_rejects_somebody_elses_call_taken_for_certain_or_with_another_outcome(scene: Scene) -> None:
    await scene.run(1)
    await by_somebody_elses_call(scene, await scene.claim())
    await scene.doctor("UPDATE calls SET outcome = 'busy'", "UPDATE outbound_call_jobs SET outcome = 'busy'")
    assert (await scene.violations())["d"] == ["a guessed call ended as no_answer, and its row says busy"]
    await scene.doctor("UPDATE calls SET sid_is_guess = false")
    assert (await scene.violations())["d"] == ["a row names somebody else's call for certain"]


async def test_d_rejects_a_job_with_another_outcome_than_its_attempt(scene: Scene) -> None:
    await rung(scene, 1)
    await scene.doctor("UPDATE outbound_call_jobs SET outcome = 'busy'")
    assert await scene.violations() == {"d": ["a job ended as busy, and its attempt as answered"]}
    await scene.doctor("UPDATE outbound_call_jobs SET dial_lock_token = NULL")
    assert (await scene.violations())["d"] == ["a job ended as busy without an attempt"]


DOCTORED_JOBS = {
    "UPDATE outbound_call_jobs SET status = 'queued', outcome = NULL WHERE id = 1": "a job is queued",
    "UPDATE outbound_call_jobs SET status = 'in_progress', outcome = NULL WHERE id = 1": "a job is in_progress",
    "UPDATE outbound_call_runs SET total_leads = 3": "total_leads is 3, and there are 2 jobs",
    "UPDATE outbound_call_runs SET cursor_position = 1": "cursor_position is 1, and 2 jobs were dialled",
    "UPDATE outbound_call_jobs SET attempts = 2 WHERE id = 1": "attempts is 2, and 1 count",
    "UPDATE outbound_call_jobs SET dialed = false": "a job was rung and is not marked as dialled",
    "UPDATE calls SET ended_at = created_at + interval '2 h'": "an attempt went on past its longest life",
}


@pytest.mark.parametrize(("statement", "text"), DOCTORED_JOBS.items(), ids=list(DOCTORED_JOBS.values()))
async def test_e_rejects_what_a_run_must_not_leave_behind(scene: Scene, statement: str, text: str) -> None:
    await rung(scene)
    await scene.doctor(statement)
    assert any(found.startswith(text) for found in (await scene.violations())["e"])


async def test_e_rejects_a_job_in_progress_past_the_longest_life_of_its_attempt(scene: Scene) -> None:
    run = await scene.run(1)
    await scene.rings(await scene.claim())
    await scene.doctor(
        f"UPDATE outbound_call_runs SET status = 'stopped', end_reason = 'stopped' WHERE id = {run}",
        "UPDATE outbound_call_jobs SET status = 'in_progress', outcome = NULL",
    )
    assert await scene.violations() == {}
    await scene.doctor(
        "UPDATE calls SET created_at = created_at - interval '2 h', ended_at = ended_at - interval '2 h'"
    )
    assert "a job is in_progress past the longest life of its attempt" in (await scene.violations())["e"]


NO_REASONS = {
    "no job": "UPDATE outbound_call_jobs SET status = 'cancelled', outcome = NULL WHERE id = 1",
    "refused by nobody": "UPDATE outbound_call_jobs SET status = 'failed', outcome = 'rejected' WHERE id = 1",
    "given up by nobody": "UPDATE outbound_call_jobs SET status = 'failed', outcome = 'uncertain' WHERE id = 1",
    "rung after all": "UPDATE outbound_call_jobs SET status = 'failed', outcome = 'not_dialed' WHERE id = 1",
}


@pytest.mark.parametrize("statement", NO_REASONS.values(), ids=list(NO_REASONS))
async def test_g_rejects_a_completed_run_with_a_lead_that_has_no_reason(scene: Scene, statement: str) -> None:
    await rung(scene)
    await scene.doctor(statement)
    assert len((await scene.violations())["g"]) == 1


async def test_g_rejects_a_lead_that_was_rung_in_the_database_alone(scene: Scene) -> None:
    sids = await rung(scene)
    scene.ledger.without(*scene.ledger.about(sids[0]))
    found = await scene.violations()
    assert found["g"] == ["a lead's job is completed (answered), which is neither rung nor a reason"]
    assert "a row names a call that the provider never made" in found["d"]


async def test_g_rejects_a_refusal_with_another_code(scene: Scene) -> None:
    await scene.run(2)
    await by_refusal(scene, await scene.claim())
    await scene.rings(await scene.claim())
    await scene.doctor("UPDATE outbound_call_jobs SET error_code = '21217' WHERE outcome = 'rejected'")
    assert len((await scene.violations())["g"]) == 1


async def test_h_rejects_a_slot_that_outlives_its_call(scene: Scene) -> None:
    sids = await rung(scene, 1)
    scene.ledger.of(sids[0], "state")["at"] -= 1
    await scene.doctor("UPDATE calls SET state = 'accepted', outcome = NULL, ended_at = NULL")
    assert (await scene.violations())["h"] == ["a slot is held for nothing"]
    assert "h" not in await scene.violations(patience=60.0)


async def test_h_accepts_a_slot_that_the_providers_words_cannot_free(scene: Scene) -> None:
    """No callback came, and the lists show two calls for one attempt: its fate is open to the longest life."""
    await scene.run(1)
    call = await scene.claim()
    sid = scene.ledger.placed(call, mode="reset_after_accept", status=None)
    scene.ledger.ends(sid)
    await scene.campaigns.dialled(call, "ambiguous")
    await scene.passes(call, 90)
    assert await scene.violations() == {"h": ["a slot is held for nothing"]}
    scene.ledger.ends(scene.ledger.foreign(call))
    assert await scene.violations() == {}
    scene.ledger.of(sid, "state")["at"] -= 1
    scene.ledger.says("callback", sid, http_status=204)
    assert (await scene.violations())["h"] == ["a slot is held for nothing"]


async def test_h_accepts_a_slot_whose_end_the_provider_denies(scene: Scene) -> None:
    await scene.run(1)
    call = await scene.claim()
    sid = scene.ledger.call(scene.ledger.request(call), behaviour={"lying_status": {"status": "ringing"}})
    await scene.campaigns.dialled(call, "accepted", sid)
    scene.ledger.ends(sid)
    await scene.passes(call, 90)
    assert await scene.violations() == {}
    scene.ledger.of(sid, "call")["behaviour"] = {}
    assert await scene.violations() == {"h": ["a slot is held for nothing"]}


async def test_h_rejects_a_slot_of_a_call_that_nobody_settled(scene: Scene) -> None:
    await scene.run(1)
    call = await scene.claim()
    await scene.passes(call, 90)
    assert await scene.violations() == {"h": ["a slot is held for nothing"]}


async def test_an_operators_hand_that_nobody_wrote_down_excuses_no_overlap(scene: Scene) -> None:
    """With a file of actions the database's word that a hand settled a call is not enough."""
    await scene.sql("UPDATE businesses SET max_concurrent_calls = 1")
    await scene.run(2)
    await by_an_operator(scene, await scene.claim())
    await scene.rings(await scene.claim())
    (ended,) = [line for line in scene.ledger.lines if line["kind"] == "state"][:1]
    ended["at"] += 60
    assert "c" not in await scene.violations()
    scene.actions[0]["call_id"] += 100
    assert "c" in await scene.violations()


async def test_a_row_that_a_list_settled_needs_no_callback(scene: Scene) -> None:
    await scene.run(1)
    await by_list(scene, await scene.claim())
    await scene.doctor("UPDATE calls SET settled_how = 'callback', call_sid = NULL, sid_is_guess = false")
    assert "an outcome busy without a call" in (await scene.violations())["d"]
