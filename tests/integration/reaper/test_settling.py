"""Each way in which a call that nobody heard of comes to its end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import structlog

from shared import metrics
from shared.events import SlotReleased
from tests.integration.campaigns import Row, new_sid
from tests.integration.reaper.rig import Rig


async def deny(rig: Rig) -> None:
    """Look once, then let the time until the next look pass."""
    await rig.reaper.look()
    await rig.pass_time(5)


async def test_a_call_whose_answer_is_overdue_becomes_uncertain_and_says_so(rig: Rig) -> None:
    call = await rig.uncertain_call()
    with structlog.testing.capture_logs() as logs:
        await rig.reaper.sweeper.calls()
        await rig.reaper.sweeper.calls()
    assert [line["call_id"] for line in logs if line["event"] == "CALL_UNCERTAIN"] == [call["call_id"]]
    assert (await rig.campaigns.call(call))["state"] == "uncertain"


async def test_a_call_is_not_uncertain_before_its_answer_is_overdue(rig: Rig) -> None:
    call = await rig.uncertain_call()
    await rig.pass_time(-600)
    await rig.reaper.look()
    assert (await rig.campaigns.call(call))["state"] == "dialing"
    assert not rig.provider.asked


async def test_two_denials_late_enough_put_the_job_back_and_free_the_slot(rig: Rig) -> None:
    call = await rig.uncertain_call()
    await deny(rig)
    assert (await rig.campaigns.call(call))["state"] == "uncertain"
    await rig.pass_time(60)
    with structlog.testing.capture_logs() as logs:
        await rig.reaper.look()
    job, row = await rig.campaigns.job(call), await rig.campaigns.call(call)
    run = await rig.campaigns.run_row(call["run_id"])
    assert (row["state"], row["settled_how"], row["outcome"]) == ("abandoned", "absent", None)
    assert (job["status"], job["outcome"], job["attempts"]) == ("queued", None, 1)
    assert run["claim_floor"] <= job["id"]
    assert run["cursor_position"] == 1
    (event,) = rig.told(SlotReleased)
    assert (event.job_id, event.outcome) == (job["id"], None)
    (line,) = [line for line in logs if line["event"] == "CALL_SETTLED"]
    assert (line["how"], line["job_status"]) == ("absent", "queued")
    (again,) = await rig.campaigns.claim(call["business_id"])
    assert (again["job_id"], again["attempt"]) == (job["id"], 2)


async def test_one_denial_however_late_puts_nothing_back(rig: Rig) -> None:
    call = await rig.uncertain_call()
    await rig.pass_time(3600)
    await rig.reaper.look()
    assert (await rig.campaigns.call(call))["state"] == "uncertain"
    assert not rig.told(SlotReleased)


async def test_denials_before_absent_after_put_nothing_back(rig: Rig) -> None:
    call = await rig.uncertain_call()
    for _ in range(4):  # 18.5 s to 33.5 s; the last moment is 18 s, so 78 s is the earliest
        await deny(rig)
    assert rig.provider.asked["list"] == 4
    assert (await rig.campaigns.call(call))["state"] == "uncertain"


async def test_a_second_denial_too_soon_after_the_first_does_not_count(rig: Rig) -> None:
    call = await rig.uncertain_call()
    await rig.pass_time(600)
    await rig.reaper.look()
    await rig.campaigns.connection.execute(
        "UPDATE calls SET next_check_at = clock_timestamp(), denied_at = clock_timestamp() + interval '10 min'"
    )
    await rig.reaper.look()
    assert rig.provider.asked["list"] == 2
    assert (await rig.campaigns.call(call))["state"] == "uncertain"
    await rig.pass_time(605)
    await rig.reaper.look()
    assert (await rig.campaigns.call(call))["state"] == "abandoned"


async def test_a_list_that_fails_or_breaks_off_denies_nothing(rig: Rig) -> None:
    call = await rig.uncertain_call()
    await rig.pass_time(600)
    rig.provider.status = 500
    await deny(rig)
    await deny(rig)
    row = await rig.campaigns.call(call)
    assert rig.provider.asked["list"] == 2
    assert (row["state"], row["denied_at"]) == ("uncertain", None)


async def test_an_absent_call_of_a_run_that_never_redials_fails_as_uncertain(rig: Rig) -> None:
    call = await rig.uncertain_call(on_uncertain="never")
    await deny(rig)
    await rig.pass_time(60)
    await rig.reaper.look()
    job, run = await rig.campaigns.job(call), await rig.campaigns.run_row(call["run_id"])
    assert (job["status"], job["outcome"]) == ("failed", "uncertain")
    assert (run["status"], run["end_reason"]) == ("completed", "completed")
    assert rig.told(SlotReleased)[0].outcome == "uncertain"


async def test_an_absent_call_of_a_cancelled_run_ends_with_it(rig: Rig) -> None:
    call = await rig.uncertain_call()
    await rig.campaigns.connection.execute(
        "SELECT * FROM ringfence_cancel_run($1, $2)", call["business_id"], call["run_id"]
    )
    await deny(rig)
    await rig.pass_time(60)
    with structlog.testing.capture_logs() as logs:
        await rig.reaper.look()
    job, run = await rig.campaigns.job(call), await rig.campaigns.run_row(call["run_id"])
    assert (job["status"], job["outcome"]) == ("cancelled", None)
    assert run["status"] == "cancelled"
    assert [line["status"] for line in logs if line["event"] == "RUN_ENDED"] == ["cancelled"]


async def test_an_absent_call_of_a_force_cancelled_run_is_not_dialled_again(rig: Rig) -> None:
    call = await rig.uncertain_call()
    await rig.campaigns.connection.execute(
        "SELECT * FROM ringfence_force_cancel_run($1, $2, false)", call["business_id"], call["run_id"]
    )
    await deny(rig)
    await rig.pass_time(60)
    await rig.reaper.look()
    job = await rig.campaigns.job(call)
    assert (job["status"], job["outcome"]) == ("failed", "uncertain")


async def test_a_returned_job_is_dialled_before_those_behind_it(rig: Rig) -> None:
    business = await rig.campaigns.business(cap=1)
    await rig.campaigns.run(business, 3)
    (first,) = await rig.campaigns.claim(business)
    await rig.pass_time(18.5)
    await deny(rig)
    await rig.pass_time(60)
    await rig.reaper.look()
    (again,) = await rig.campaigns.claim(business)
    assert again["job_id"] == first["job_id"]


async def test_one_candidate_that_is_over_gives_the_outcome(rig: Rig) -> None:
    call = await rig.uncertain_call()
    sid = rig.provider.has(call["to_number"], "busy", created=datetime.now(UTC) - timedelta(seconds=18))
    before = metrics.CALLS_SETTLED.labels(how="list")._value.get()
    await rig.reaper.look()
    job, row = await rig.campaigns.job(call), await rig.campaigns.call(call)
    assert (row["state"], row["outcome"], row["settled_how"], row["call_sid"]) == ("ended", "busy", "list", sid)
    assert (job["status"], job["outcome"], job["twilio_call_sid"]) == ("completed", "busy", sid)
    assert metrics.CALLS_SETTLED.labels(how="list")._value.get() == before + 1
    assert rig.told(SlotReleased)[0].call_sid == sid


async def test_a_guess_that_goes_on_holds_the_slot_until_its_end_is_seen(rig: Rig) -> None:
    call = await rig.uncertain_call()
    sid = rig.provider.has(call["to_number"], "in-progress")
    await rig.reaper.look()
    row = await rig.campaigns.call(call)
    assert (row["state"], row["call_sid"], row["sid_is_guess"]) == ("uncertain", sid, True)
    await deny_nothing_more(rig, call)
    rig.provider.calls[sid]["status"] = "no-answer"
    await rig.reaper.look()
    row = await rig.campaigns.call(call)
    assert (row["state"], row["outcome"], row["settled_how"]) == ("ended", "no_answer", "list")


async def deny_nothing_more(rig: Rig, call: Row) -> None:
    await rig.pass_time(5)
    await rig.reaper.look()
    assert (await rig.campaigns.call(call))["state"] == "uncertain"
    await rig.pass_time(5)


async def test_two_candidates_are_no_decision_and_undo_a_denial(rig: Rig) -> None:
    call = await rig.uncertain_call()
    await deny(rig)
    for _ in range(2):
        rig.provider.has(call["to_number"], "completed")
    await rig.reaper.look()
    row = await rig.campaigns.call(call)
    assert (row["state"], row["call_sid"], row["denied_at"]) == ("uncertain", None, None)


async def test_a_candidate_on_the_second_page_is_seen(rig: Rig) -> None:
    call = await rig.uncertain_call()
    rig.provider.page_size = 1
    rig.provider.has(call["to_number"], "completed", direction="inbound")
    sid = rig.provider.has(call["to_number"], "completed")
    await rig.reaper.look()
    assert (await rig.campaigns.call(call))["call_sid"] == sid


async def test_a_sid_of_another_call_of_ours_is_no_candidate(rig: Rig) -> None:
    other, sid = await rig.live_call()
    call = await rig.uncertain_call()
    rig.provider.calls[sid] |= {"to": call["to_number"], "status": "completed"}
    await rig.reaper.look()
    row = await rig.campaigns.call(call)
    assert (row["call_sid"], row["denied_at"] is not None) == (None, True)
    assert other["call_id"] != call["call_id"]


async def test_a_guess_yields_to_the_call_that_carries_the_token(rig: Rig) -> None:
    call = await rig.uncertain_call()
    guess = rig.provider.has(call["to_number"], "in-progress")
    await rig.reaper.look()
    sid = new_sid()
    assert await rig.campaigns.dialled(call, "accepted", sid) == "settled"
    row = await rig.campaigns.call(call)
    assert (row["call_sid"], row["sid_is_guess"], row["state"]) == (sid, False, "accepted")
    assert guess != sid


async def test_a_silent_call_is_fetched_after_growing_pauses_until_it_has_ended(rig: Rig) -> None:
    call, sid = await rig.live_call()
    await rig.pass_time(1)
    await rig.reaper.look()
    assert not rig.provider.asked
    pauses = []
    for pause in (59, 60, 120, 240):
        await rig.pass_time(pause + 0.5)
        await rig.reaper.look()
        pauses.append(rig.provider.asked["fetch"])
    assert pauses == [1, 2, 3, 4]
    await rig.pass_time(300)
    await rig.reaper.look()
    assert rig.provider.asked["fetch"] == 4
    rig.provider.calls[sid] |= {"status": "completed", "answered_by": "machine_start"}
    await rig.pass_time(181)
    await rig.reaper.look()
    row = await rig.campaigns.call(call)
    assert (row["state"], row["outcome"], row["settled_how"]) == ("ended", "machine", "fetch")
    assert (await rig.campaigns.run_row(call["run_id"]))["status"] == "completed"
    assert rig.told(SlotReleased)[0].outcome == "machine"


async def test_a_fetch_raises_the_state_and_never_lowers_it(rig: Rig) -> None:
    call, sid = await rig.live_call()
    states = []
    for status in ("ringing", "in-progress", "queued"):
        rig.provider.calls[sid]["status"] = status
        await rig.pass_time(1000)
        await rig.reaper.look()
        states.append((await rig.campaigns.call(call))["state"])
    assert states == ["ringing", "answered", "answered"]


async def test_a_call_that_the_provider_does_not_show_yet_is_left_alone(rig: Rig) -> None:
    call, sid = await rig.live_call()
    del rig.provider.calls[sid]
    await rig.pass_time(61)
    await rig.reaper.look()
    row = await rig.campaigns.call(call)
    assert (rig.provider.asked["fetch"], row["state"]) == (1, "accepted")


async def test_a_callback_that_comes_during_the_look_has_the_last_word(rig: Rig) -> None:
    call, sid = await rig.live_call()
    rig.provider.calls[sid]["status"] = "completed"
    await rig.pass_time(61)
    (check,) = await rig.reaper.looker.take(20, 5, [])
    await rig.campaigns.connection.execute(
        "SELECT ringfence_close_call($1, 'ended', 'busy', NULL, NULL, 'callback')", call["call_id"]
    )
    await rig.reaper.looker.look(check)
    row = await rig.campaigns.call(call)
    assert (row["outcome"], row["surfaced_at"]) == ("busy", None)
    assert not rig.told(SlotReleased)


async def test_past_its_longest_life_a_slot_is_freed_whatever_the_provider_says(rig: Rig) -> None:
    call, _ = await rig.live_call()
    rig.provider.status = 500
    await rig.pass_time(18 + 60 + 3600 + 600 + 1)
    await rig.reaper.look()
    row, job = await rig.campaigns.call(call), await rig.campaigns.job(call)
    assert (row["state"], row["outcome"], row["settled_how"]) == ("abandoned", "uncertain", "expired")
    assert (job["status"], job["outcome"]) == ("failed", "uncertain")
    assert len(rig.told(SlotReleased)) == 1
    assert not rig.provider.asked


async def test_a_look_is_due_when_the_longest_life_is_over_however_long_the_pause(rig: Rig) -> None:
    call, _ = await rig.live_call()
    await rig.campaigns.connection.execute(
        "UPDATE calls SET checks = 9, next_check_at = now(), expires_at = now() + interval '9 min'"
    )
    await rig.reaper.look()
    row = await rig.campaigns.call(call)
    assert row["next_check_at"] == row["expires_at"]


async def test_an_abandoned_call_that_surfaces_is_looked_at_until_it_has_ended(rig: Rig) -> None:
    call = await rig.uncertain_call()
    assert await rig.campaigns.given_up(call) == "absent"
    sid = rig.provider.has(call["to_number"], "in-progress")
    assert await rig.campaigns.dialled(call, "accepted", sid) == "surfaced"
    await rig.reaper.hang_up()
    assert rig.provider.hung_up == [sid]
    rig.provider.calls[sid]["status"] = "completed"
    await rig.pass_time(6)
    with structlog.testing.capture_logs() as logs:
        await rig.reaper.look()
    job, row = await rig.campaigns.job(call), await rig.campaigns.call(call)
    assert (row["state"], row["outcome"], row["next_check_at"]) == ("abandoned", "answered", None)
    assert (job["status"], job["outcome"]) == ("completed", "answered")
    assert [line["status"] for line in logs if line["event"] == "RUN_ENDED"] == ["completed"]
    assert not rig.told(SlotReleased)
