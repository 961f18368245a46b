"""What the answer to a create changes, in whatever state it finds its call."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any, TypeAlias

import pytest
from asyncpg.exceptions import InvalidParameterValueError

from shared.telephony.answers import AnswerClass
from tests.integration.campaigns import Campaigns, Row, new_sid
from tests.integration.claims.parts import answered, broken_invariants, called_back, ended, look_again

SID = new_sid()
Bring: TypeAlias = Callable[[Campaigns, Row], Awaitable[object]]


async def _nothing(campaigns: Campaigns, call: Row) -> None:
    """The call stays as the claim wrote it."""


async def _abandon(campaigns: Campaigns, call: Row) -> None:
    await answered(campaigns, call, "ambiguous")
    for hours in (1, 2):
        await look_again(campaigns, call, "absent", timedelta(hours=hours))


async def _cancel(campaigns: Campaigns, call: Row) -> None:
    await campaigns.connection.execute(
        "SELECT * FROM ringfence_cancel_run($1, $2)", call["business_id"], call["run_id"]
    )


STATES: Mapping[str, Bring] = {
    "dialing": _nothing,
    "uncertain": lambda campaigns, call: answered(campaigns, call, "ambiguous"),
    "ringing": lambda campaigns, call: called_back(campaigns, call, SID, "ringing", 2),
    "answered": lambda campaigns, call: called_back(campaigns, call, SID, "answered", 3),
    "ended": lambda campaigns, call: called_back(campaigns, call, SID),
    "abandoned": _abandon,
    "dialing, run cancelled": _cancel,
}

After: TypeAlias = tuple[str, str, str | None]

_BACK: After = ("abandoned", "queued", None)
_REJECTED: After = ("ended", "failed", "rejected")
_NEVER_SENT = ("not_sent", "deadline", "throttled", "account_full", "account_blocked")
_EVERY = [klass.value for klass in AnswerClass]
_HELD: Mapping[str, After] = {
    "accepted": ("accepted", "in_progress", None),
    "ambiguous": ("uncertain", "dialing", None),
    "number_rejected": _REJECTED,
    "run_refused": _REJECTED,
}

# state of the call before -> class of the answer -> state of the call, status and outcome of the job
EXPECTED: Mapping[str, Mapping[str, After]] = {
    "dialing": {**_HELD, **dict.fromkeys(_NEVER_SENT, _BACK)},
    "uncertain": {**_HELD, **dict.fromkeys(_NEVER_SENT, _BACK)},
    "ringing": dict.fromkeys(_EVERY, ("ringing", "in_progress", None)),
    "answered": dict.fromkeys(_EVERY, ("answered", "in_progress", None)),
    "ended": dict.fromkeys(_EVERY, ("ended", "completed", "answered")),
    "abandoned": {**dict.fromkeys(_EVERY, _BACK), "accepted": ("abandoned", "in_progress", None)},
    "dialing, run cancelled": {**_HELD, **dict.fromkeys(_NEVER_SENT, ("abandoned", "cancelled", None))},
}


@pytest.mark.parametrize("state", STATES)
async def test_every_answer_in_every_state(campaigns: Campaigns, state: str) -> None:
    """A late answer must never lower what a callback or the reaper has set, and never lose a job."""
    business = await campaigns.business(cap=1)
    found = {}
    for klass in AnswerClass:
        await campaigns.connection.execute(
            "DELETE FROM call_events; UPDATE calls SET call_sid = NULL, accepted_at = NULL WHERE ended_at IS NOT NULL"
        )
        await campaigns.run(business, 3)
        call = (await campaigns.claim_so_many(business, 1))[0]
        await STATES[state](campaigns, call)
        await answered(campaigns, call, klass.value, SID if klass is AnswerClass.ACCEPTED else None, code="21211")
        job = await campaigns.job(call)
        found[klass.value] = ((await campaigns.call(call))["state"], job["status"], job["outcome"])
        assert await broken_invariants(campaigns) == [], klass
        await _clear(campaigns, business)
    assert found == dict(EXPECTED[state])


async def _clear(campaigns: Campaigns, business: int) -> None:
    """End everything, so that the next campaign starts with its slot free and its account well."""
    await campaigns.connection.execute(
        "UPDATE calls SET state = 'ended', outcome = 'busy', ended_at = clock_timestamp() WHERE ended_at IS NULL"
    )
    await campaigns.connection.execute(
        "UPDATE outbound_call_jobs SET status = 'failed', outcome = 'failed', dialed = false"
        " WHERE status IN ('queued', 'dialing', 'in_progress')"
    )
    await campaigns.connection.execute(
        "UPDATE outbound_call_runs SET status = 'failed', ended_at = clock_timestamp() WHERE ended_at IS NULL"
    )
    await campaigns.connection.execute(
        "UPDATE outbound_call_jobs SET dialed = false; ALTER TABLE outbound_call_runs DISABLE TRIGGER USER;"
        "UPDATE outbound_call_runs SET cursor_position = 0; ALTER TABLE outbound_call_runs ENABLE TRIGGER USER;"
        "UPDATE accounts SET blocked_code = NULL, blocked_since = NULL, retry_at = NULL, refusals = 0,"
        " ambiguous_in_a_row = 0"
    )


@pytest.fixture
async def call(campaigns: Campaigns) -> Row:
    """A claimed call of a run with two more jobs queued."""
    business = await campaigns.business(cap=1)
    await campaigns.run(business, 3)
    return (await campaigns.claim(business))[0]


async def test_an_answer_that_nobody_knows_is_refused(campaigns: Campaigns, call: Row) -> None:
    """Taken for `never sent` it would ring a person twice."""
    with pytest.raises(InvalidParameterValueError):
        await answered(campaigns, call, "timed_out")
    assert (await campaigns.call(call))["state"] == "dialing"


async def test_a_wrong_token_changes_nothing(campaigns: Campaigns, call: Row) -> None:
    item: dict[str, Any] = {**dict(call), "dial_token": "d8c0c6ac-7f8a-4c3e-9c3d-0a6f7c1f0f11"}
    with pytest.raises(IndexError):
        await answered(campaigns, item, "accepted", SID)
    assert (await campaigns.call(call))["state"] == "dialing"


async def test_a_late_sid_of_a_call_that_was_given_up_is_hung_up_and_never_redialled(
    campaigns: Campaigns, call: Row
) -> None:
    await _abandon(campaigns, call)
    assert (await answered(campaigns, call, "accepted", SID))["result"] == "surfaced"
    row = await campaigns.call(call)
    assert (row["state"], row["call_sid"]) == ("abandoned", SID)
    assert row["hangup_at"] is not None
    assert row["surfaced_at"] is not None
    claimed = await campaigns.claim(call["business_id"])
    assert claimed[0]["job_id"] != call["job_id"]
    assert (await answered(campaigns, call, "accepted", SID))["result"] == "repeat"


async def test_a_second_sid_gets_a_row_of_its_own_without_a_slot(campaigns: Campaigns, call: Row) -> None:
    second = new_sid()
    assert (await answered(campaigns, call, "accepted", SID))["result"] == "accepted"
    assert (await answered(campaigns, call, "accepted", second))["result"] == "second_sid"
    assert (await answered(campaigns, call, "accepted", second))["result"] == "repeat"
    (row,) = await campaigns.rows("SELECT * FROM calls WHERE call_sid = $1", second)
    assert (row["duplicate_of"], row["outcome"], row["slot_no"]) == (call["call_id"], "duplicate", None)
    assert row["hangup_at"] is not None
    assert (await campaigns.call(call))["call_sid"] == SID


async def test_a_refused_run_ends_once_with_its_queue(campaigns: Campaigns) -> None:
    """Every further job would be refused the same way; a second refusal on its way finds the run over."""
    business = await campaigns.business(cap=2)
    run = await campaigns.run(business, 5)
    first, second = await campaigns.claim_so_many(business, 2)
    assert (await answered(campaigns, first, "run_refused", code="21210"))["run_ended"] == "failed"
    assert (await answered(campaigns, second, "run_refused", code="21210"))["run_ended"] is None
    row = await campaigns.run_row(run)
    assert (row["status"], row["end_reason"]) == ("failed", "twilio:21210")
    counts = await campaigns.rows(
        "SELECT status, outcome, count(*) AS n FROM outbound_call_jobs WHERE run_id = $1 GROUP BY 1, 2 ORDER BY 2", run
    )
    assert [(count["outcome"], count["n"]) for count in counts] == [("not_dialed", 3), ("rejected", 2)]


async def test_a_refusal_of_a_cancelled_run_leaves_it_cancelled(campaigns: Campaigns) -> None:
    business = await campaigns.business(cap=2)
    run = await campaigns.run(business, 5)
    first, second = await campaigns.claim_so_many(business, 2)
    await _cancel(campaigns, first)
    assert (await answered(campaigns, first, "run_refused", code="21210"))["run_ended"] is None
    assert (await ended(campaigns, second))["run_ended"] == "cancelled"
    assert (await campaigns.run_row(run))["end_reason"] == "cancelled"


async def test_claims_whose_answer_was_lost_are_handed_back(campaigns: Campaigns) -> None:
    """What is in hand, was answered, or belongs to another epoch is left alone."""
    business = await campaigns.business(cap=5)
    await campaigns.run(business, 9)
    lost, overdue, in_hand, unsure, accepted = await campaigns.claim_so_many(business, 5)
    await answered(campaigns, unsure, "ambiguous")
    await answered(campaigns, accepted, "accepted", SID)
    await campaigns.connection.execute("UPDATE calls SET state = 'uncertain' WHERE id = $1", overdue["call_id"])
    disown = "SELECT ringfence_disown($1, $2)"
    assert await campaigns.connection.fetchval(disown, (campaigns.epoch or 0) + 1, []) == 0
    assert await campaigns.connection.fetchval(disown, campaigns.epoch, [in_hand["call_id"]]) == 2
    states = [(await campaigns.call(call))["state"] for call in (lost, overdue, in_hand, unsure, accepted)]
    assert states == ["abandoned", "abandoned", "dialing", "uncertain", "accepted"]
    job = await campaigns.job(lost)
    assert (job["status"], job["attempts"], job["dialed"]) == ("queued", 0, False)
    assert [call["job_id"] for call in await campaigns.claim_so_many(business, 2)] == [
        lost["job_id"],
        overdue["job_id"],
    ]


async def test_a_doubtful_job_is_not_dialled_again_where_the_run_forbids_it(campaigns: Campaigns) -> None:
    business = await campaigns.business(cap=1)
    run = await campaigns.run(business, 1, on_uncertain="never")
    (call,) = await campaigns.claim(business)
    await _abandon(campaigns, call)
    job = await campaigns.job(call)
    assert (job["status"], job["outcome"]) == ("failed", "uncertain")
    row = await campaigns.run_row(run)
    assert (row["status"], row["cursor_position"]) == ("completed", 1)
