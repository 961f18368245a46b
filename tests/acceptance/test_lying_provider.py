"""A provider that lies: the campaign goes on, and each lie is counted, and logged once with both sides' words.

One test for each lie that the simulator can tell; reads that contradict one another in the middle of a settling are in
tests/integration/reaper/test_doubt.py, where no clock decides.
"""

from __future__ import annotations

from typing import Any

from tests.acceptance.business import FOR_EVER, SERVICES, Business, Run
from tests.acceptance.conftest import MakeBusiness
from tests.acceptance.waiting import eventually

SILENT: dict[str, Any] = {"outcome": "busy"}
"""A call for which no voice request is made, which would tell its sid as surely as a callback."""

CONTRADICTIONS = "ringfence_provider_contradictions_total"


async def total(business: Business, metric: str) -> float:
    """A counter, over all services."""
    found = [await business.stack.service(name).metrics() for name in SERVICES]
    return sum(one.get(metric, 0.0) for one in found)


async def the_line(business: Business, event: str, **fields: Any) -> dict[str, Any]:
    """The only line of its kind, which holds no number in clear and no token."""
    await business.logged(event, **fields)
    (line,) = business.events(event, **fields)
    text = repr(line)
    assert not [number for number in business.numbers if number in text]
    assert not [entry["token"] for entry in await business.entries() if entry["token"] in text]
    return line


async def lost_without_a_word(business: Business) -> None:
    """The next create is carried out; its answer and its callbacks are lost, so that only a list tells of it."""
    await business.rule("reset_after_accept", times=1)
    await business.rule("callback_lost", times=1)


async def the_only_job(run: Run) -> dict[str, Any]:
    (job,) = await run.jobs()
    return job


async def test_two_sids_for_one_token_are_told_apart_and_the_second_is_hung_up(business: Business) -> None:
    before = await total(business, "ringfence_duplicate_calls_detected_total")
    contradicted = await total(business, f'{CONTRADICTIONS}{{kind="second_sid"}}')
    await business.rule("two_sids", times=1)
    await business.rule("outcome", **FOR_EVER)
    run = await business.start(1)
    line = await the_line(business, "DEDUP_CONFLICT", action="second_sid")

    async def hung_up() -> bool:
        return any(call.sid == line["call_sid"] and call.ended for call in await run.placed())

    await eventually(hung_up, "the end of the second call at the provider, by the reaper or by what it is told to say")
    assert {line["call_sid"], line["known_sid"]} == {call.sid for call in await run.placed()}
    assert line["known_state"] in ("accepted", "ringing", "answered")
    assert line["run_id"] == run.id
    assert await total(business, "ringfence_duplicate_calls_detected_total") >= before + 1
    assert await total(business, f'{CONTRADICTIONS}{{kind="second_sid"}}') >= contradicted + 1
    await run.ending("force-cancel", hangup="true")
    await run.over("cancelled", "force_cancelled")


async def test_a_call_listed_as_ringing_after_its_terminal_callback_stays_over(business: Business) -> None:
    """When this breaks a false list holds a slot, or is taken for the next call to the same lead."""
    metric = f'{CONTRADICTIONS}{{kind="live_after_end"}}'
    before = await total(business, metric)
    await business.rule("lying_status", times=1, status="ringing")
    await business.rule("outcome", **SILENT)
    first = await business.start(1)
    await first.over("completed", "completed")
    (ended,) = await first.placed()

    await lost_without_a_word(business)
    second = await business.start(first.leads)
    await second.over("completed", "completed")

    line = await the_line(business, "PROVIDER_CONTRADICTION", action="live_after_end")
    assert (line["run_id"], line["call_sid"]) == (first.id, ended.sid)
    known = {"known_state": "ended", "known_outcome": "busy", "known_how": "callback"}
    assert line | known == line
    assert line["said"] == "ringing"
    assert await total(business, metric) >= before + 1
    assert [(await the_only_job(run))["outcome"] for run in (first, second)] == ["busy", "busy"]
    assert (await the_only_job(second))["calls"][0]["call_sid"] != ended.sid


async def test_a_call_whose_reads_never_tell_its_end_is_ended_by_its_callback_alone(business: Business) -> None:
    await business.rule("lying_status", status="in-progress")
    await business.rule("callback_lost", events=["initiated", "ringing", "answered"])
    run = await business.start(3)
    await run.over("completed", "completed")
    await run.judge()


async def test_rows_that_a_list_repeats_are_one_call(business: Business) -> None:
    metric = f'{CONTRADICTIONS}{{kind="repeated_rows"}}'
    before = await total(business, metric)
    await business.rule("rest_stale", duplicates=True)
    await business.rule("outcome", **SILENT)
    await lost_without_a_word(business)
    run = await business.start(1)
    await run.over("completed", "completed")
    (call,) = await run.placed()
    line = await the_line(business, "PROVIDER_CONTRADICTION", action="repeated_rows")
    assert (line["run_id"], line["known_calls"], line["said_rows"]) == (run.id, 1, 2)
    assert line["said_sids"] == [call.sid]
    assert await total(business, metric) >= before + 1
    assert ((await the_only_job(run))["outcome"], len(await run.creates())) == ("busy", 1)
    await run.judge()


async def test_a_list_that_lags_less_than_absent_after_causes_no_second_call(business: Business) -> None:
    """A denial by a list that lags is early, so that alone it lets nobody be rung again."""
    await business.rule("rest_stale", lag=3)
    await business.rule("outcome", **SILENT)
    await lost_without_a_word(business)
    run = await business.start(1)
    await run.over("completed", "completed")
    assert ((await the_only_job(run))["outcome"], len(await run.creates())) == ("busy", 1)
    denied = business.events("CALL_LOOKED_UP", finding="absent")

    async def told() -> bool:
        return len(business.events("PROVIDER_CONTRADICTION", action="listed_late")) == (1 if denied else 0)

    await eventually(told, "a word of the list that had denied the call, if one had")
    await run.judge()


async def refusals(run: Run, kind: str) -> tuple[str, list[dict[str, Any]]]:
    """The sid of the run's only call, and one line for each of its callbacks, all of them refused."""

    async def all_told() -> tuple[str, list[dict[str, Any]]] | None:
        (entry,) = await run.creates()
        lines = run.business.events("SECURITY", "webhook", kind=kind)
        over = any(callback["event"] == "completed" for callback in entry["callbacks"])
        assert {callback["http_status"] for callback in entry["callbacks"]} <= {403}
        return (entry["sid"], lines) if over and len(lines) == len(entry["callbacks"]) else None

    sid, lines = await eventually(all_told, f"a line of {kind} for each callback")
    assert "busy" in {line["said"] for line in lines}
    return sid, lines


async def test_callbacks_for_another_account_are_refused_one_line_each_and_the_call_is_fetched(
    business: Business, make_business: MakeBusiness
) -> None:
    refused = await total(business, 'ringfence_security_events_total{kind="wrong_account"}')
    other = await make_business(business.stack)
    await business.rule("callback_wrong_account", account=other.account)
    await business.rule("outcome", **SILENT)
    run = await business.start(1)
    await run.over("completed", "completed")
    sid, lines = await refusals(run, "wrong_account")
    for line in lines:
        assert (line["account_sid"], line["said_account_sid"]) == (business.account, other.account)
        assert (line["said_sid"], line["run_id"]) == (sid, run.id)
    assert await total(business, 'ringfence_security_events_total{kind="wrong_account"}') >= refused + len(lines)
    assert [line["how"] for line in business.events("CALL_SETTLED")] == ["fetch"]
    await run.judge()


async def test_callbacks_signed_with_a_token_that_is_not_the_accounts_are_refused_with_both_words(
    business: Business,
) -> None:
    await business.rule("callback_old_token")
    await business.rule("outcome", **SILENT)
    run = await business.start(1)
    await run.over("completed", "completed")
    sid, lines = await refusals(run, "bad_signature")
    for line in lines:
        assert (line["account_sid"], line["said_account_sid"]) == (business.account, business.account)
        assert (line["said_sid"], line["run_id"], line["signed"]) == (sid, run.id, True)
    assert (await the_only_job(run))["outcome"] == "busy"
    await run.judge()
