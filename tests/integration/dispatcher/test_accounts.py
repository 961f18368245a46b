"""Whose account a call is dialled on, at what rate, and what happens where there is none."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence

import pytest
from pydantic import SecretStr

from shared.sealing import Sealer
from stack.environment import FROM_NUMBER
from tests.integration.dispatcher.conftest import MakeRig
from tests.integration.dispatcher.rig import Rig

OWN_NUMBER = "+97231234567"
OWN_SID = f"AC{'5' * 32}"
OWN_TOKEN = secrets.token_hex(16)
ACCOUNTS = {
    "SIM_ACCOUNTS": json.dumps([{"sid": OWN_SID, "auth_tokens": [OWN_TOKEN], "from_numbers": [OWN_NUMBER]}]),
}
NO_ACCOUNT = {"TWILIO_ACCOUNT_SID": None, "TWILIO_AUTH_TOKEN": None, "TWILIO_FROM_NUMBER": None}


@pytest.fixture
async def rig(make_rig: MakeRig) -> Rig:
    """A provider that knows two accounts, and no dispatcher yet."""
    return await make_rig(ACCOUNTS, services=("simulator",))


async def own_account(rig: Rig, *, sealed_with: str | None = None) -> int:
    """A business with an account of its own, its token sealed with our key or another."""
    key = sealed_with or rig.stack.secrets["SECRETS_KEY"]
    sealed = Sealer(SecretStr(key)).seal(SecretStr(OWN_TOKEN), OWN_SID)
    account = await rig.pool.fetchval(
        "INSERT INTO accounts (account_sid, calls_per_second) VALUES ($1, 1000) RETURNING id", OWN_SID
    )
    return await rig.business(account_id=account, auth_token_sealed=sealed, from_number=OWN_NUMBER)


async def test_a_business_dials_on_its_own_account_and_others_on_the_shared_one(rig: Rig) -> None:
    own, other = await own_account(rig), await rig.business()
    await rig.stack.start("dispatcher")
    runs = [await rig.run(business, 3, publish=True) for business in (own, other)]
    for run in runs:
        await rig.in_progress(run, 3)
    seen = {(entry["account"], entry["from"]) for entry in await rig.rung()}
    assert seen == {(OWN_SID, OWN_NUMBER), (rig.stack.secrets["TWILIO_ACCOUNT_SID"], FROM_NUMBER)}


async def test_a_token_sealed_with_the_previous_key_is_dialled_with(rig: Rig) -> None:
    own = await own_account(rig, sealed_with="the key until now")
    await rig.stack.start("dispatcher", {"SECRETS_KEY_PREVIOUS": "the key until now"})
    await rig.in_progress(await rig.run(own, 3, publish=True), 3)


async def test_a_token_that_cannot_be_opened_blocks_its_account_alone(rig: Rig) -> None:
    own, other = await own_account(rig, sealed_with="another key altogether"), await rig.business()
    await rig.stack.start("dispatcher")
    unreadable = await rig.run(own, 2, publish=True)
    run = await rig.run(other, 3, publish=True)
    await rig.in_progress(run, 3)

    async def blocked() -> bool:
        code: str | None = await rig.pool.fetchval("SELECT blocked_code FROM accounts WHERE NOT is_shared")
        return code == "secret_unreadable"

    await rig.until(blocked, "its account is blocked")

    async def queued() -> bool:
        return await rig.statuses(unreadable) == {"queued": 2}

    await rig.until(queued, "its jobs wait")
    assert await rig.status_of(unreadable) == "running"
    assert {entry["account"] for entry in await rig.rung()} == {rig.stack.secrets["TWILIO_ACCOUNT_SID"]}
    assert rig.events("SECRET_UNREADABLE")[0]["business_id"] == own


async def test_without_any_account_jobs_wait_and_the_log_says_so_once(rig: Rig) -> None:
    business = await rig.business()
    run = await rig.run(business, 2)
    await rig.stack.start("dispatcher", NO_ACCOUNT)

    async def looked_often() -> bool:
        return len([line for line in rig.events("ADVANCED") if line["action"] == "no_account"]) >= 4

    await rig.until(looked_often, "several looks")
    assert [line["business_id"] for line in rig.events("NO_ACCOUNT")] == [business]
    assert await rig.statuses(run) == {"queued": 2}
    await rig.stack.restart("dispatcher")
    await rig.in_progress(run, 2)


async def test_the_shared_account_may_be_another_after_a_restart(rig: Rig) -> None:
    business = await rig.business()
    await rig.stack.start("dispatcher")
    first = await rig.run(business, 1, publish=True)
    await rig.in_progress(first, 1)
    changed = {"TWILIO_ACCOUNT_SID": OWN_SID, "TWILIO_AUTH_TOKEN": OWN_TOKEN, "TWILIO_FROM_NUMBER": OWN_NUMBER}
    await rig.stack.restart("dispatcher", changed)
    second = await rig.run(business, 1, publish=True)
    await rig.in_progress(second, 1)
    assert [entry["account"] for entry in await rig.rung()] == [rig.stack.secrets["TWILIO_ACCOUNT_SID"], OWN_SID]
    assert await rig.pool.fetchval("SELECT array_agg(account_sid) FROM accounts WHERE is_shared") == [OWN_SID]


async def test_the_shared_rate_holds_over_all_businesses(make_rig: MakeRig) -> None:
    rig = await make_rig({"CALLS_PER_SECOND": "5"})
    runs = [await rig.run(await rig.business(), 8, publish=True) for _ in range(3)]
    for run in runs:
        await rig.in_progress(run, 8)
    assert within_rate(await times(rig, *runs), 5)


async def test_the_shared_rate_holds_across_a_takeover(make_rig: MakeRig) -> None:
    rig = await make_rig({"CALLS_PER_SECOND": "5"}, services=("simulator", "dispatcher", "dispatcher2"))
    runs = [await rig.run(await rig.business(), 12, publish=True) for _ in range(2)]

    async def begun() -> bool:
        return len(await rig.rung()) >= 8

    await rig.until(begun, "dialling")
    (holder,) = await rig.active("dispatcher", "dispatcher2")
    await rig.stack.kill(holder)

    async def dialled() -> bool:
        return all([(await rig.statuses(run))["queued"] == 0 for run in runs])

    await rig.until(dialled, "all are dialled")
    assert within_rate(await times(rig, *runs), 5)
    await rig.nobody_twice()


async def test_a_business_keeps_to_its_own_rate(rig: Rig) -> None:
    await rig.stack.start("dispatcher")
    run = await rig.run(await rig.business(rate=4), 8, publish=True)
    await rig.in_progress(run, 8)
    assert within_rate(await times(rig, run), 4)


async def test_a_slow_business_holds_up_no_quicker_one(rig: Rig) -> None:
    await rig.stack.start("dispatcher")
    slow = await rig.run(await rig.business(rate=0.001), 2, publish=True)
    await rig.in_progress(slow, 1)
    quick = await rig.run(await rig.business(), 30, publish=True)
    await rig.in_progress(quick, 30)
    assert await rig.statuses(slow) == {"in_progress": 1, "queued": 1}


async def times(rig: Rig, *runs: int) -> list[float]:
    """When each call of these runs was claimed, by the database's clock: from there to the provider nothing waits."""
    rows = await rig.pool.fetch("SELECT created_at FROM calls WHERE run_id = ANY ($1) ORDER BY created_at", runs)
    return [row["created_at"].timestamp() for row in rows]


def within_rate(at: Sequence[float], rate: float) -> bool:
    """No window, however long, holds more than its rate allows and one call, give or take half an interval."""
    return len(at) > 1 and all(
        at[last] - at[first] >= (last - first - 1.5) / rate
        for first in range(len(at))
        for last in range(first + 1, len(at))
    )
