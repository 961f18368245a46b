"""Histories doctored against the rules about what was dialled: (a) tokens, (b) overlaps, (c) caps, (f) endings."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from tests.integration.history.ledger import LedgerFile
from tests.integration.history.scene import Scene


async def rung(scene: Scene, count: int = 2) -> list[str]:
    """An honest campaign of ordinary calls, one after the other; their sids."""
    await scene.run(count)
    return [await scene.rings(await scene.claim()) for _ in range(count)]


def no_token(ledger: LedgerFile, sids: list[str]) -> None:
    ledger.request_of(sids[0])["token"] = None


def unknown_token(ledger: LedgerFile, sids: list[str]) -> None:
    ledger.request_of(sids[0])["token"] = str(uuid.uuid4())


def one_token_twice(ledger: LedgerFile, sids: list[str]) -> None:
    ledger.lines.append({**ledger.request_of(sids[0]), "request_id": "RQ again", "mode": "reset_before_accept"})


def another_number(ledger: LedgerFile, sids: list[str]) -> None:
    ledger.request_of(sids[0])["to"] = "+972501112222"


def another_account(ledger: LedgerFile, sids: list[str]) -> None:
    ledger.request_of(sids[0])["account"] = "AC" + "0" * 32


def before_its_claim(ledger: LedgerFile, sids: list[str]) -> None:
    ledger.request_of(sids[0])["at"] -= 5


def long_after_its_claim(ledger: LedgerFile, sids: list[str]) -> None:
    ledger.request_of(sids[0])["at"] += 19


TOKENS = {
    no_token: "without a token",
    unknown_token: "does not know",
    one_token_twice: "2 creates carry one token",
    another_number: "another number",
    another_account: "another account",
    before_its_claim: "before its row was claimed",
    long_after_its_claim: "after its claim",
}


@pytest.mark.parametrize(("doctored", "text"), TOKENS.items(), ids=[one.__name__ for one in TOKENS])
async def test_a_rejects_a_create_that_is_not_its_rows_own(
    scene: Scene, doctored: Callable[[LedgerFile, list[str]], Any], text: str
) -> None:
    doctored(scene.ledger, await rung(scene))
    assert text in (await scene.violations())["a"][0]


async def test_a_rejects_a_row_that_names_another_number_than_its_lead_has(scene: Scene) -> None:
    await rung(scene)
    await scene.doctor("UPDATE leads SET phone = '+972509999999' WHERE id = (SELECT min(id) FROM leads)")
    assert "another number" in (await scene.violations())["a"][0]


async def test_a_create_that_a_slow_network_kept_is_accepted_where_that_is_said(scene: Scene) -> None:
    long_after_its_claim(scene.ledger, await rung(scene))
    assert "a" not in await scene.violations(transit=5.0)
    scene.faults.append({"fault": "create_late", "from": 0})
    assert "a" not in await scene.violations()


async def test_b_rejects_a_lead_rung_while_a_call_to_it_was_live(scene: Scene) -> None:
    leads = await scene.campaigns.leads(scene.business, 1)
    sids = []
    for _ in range(2):
        await scene.run(leads)
        sids.append(await scene.rings(await scene.claim()))
    assert await scene.violations() == {}
    scene.ledger.of(sids[0], "state")["at"] = scene.ledger.of(sids[1], "call")["at"] + 0.001
    assert await scene.violations() == {"b": ["a lead was rung while a call to it was live"]}


async def test_b_counts_a_call_without_an_end_as_live_and_one_of_an_unknown_token_as_anybodys(scene: Scene) -> None:
    leads = await scene.campaigns.leads(scene.business, 1)
    sids = []
    for _ in range(2):
        await scene.run(leads)
        sids.append(await scene.rings(await scene.claim()))
    unknown_token(scene.ledger, sids)
    assert "b" not in await scene.violations()
    scene.ledger.without(scene.ledger.of(sids[0], "state"))
    assert "b" in await scene.violations()


async def overlapping(scene: Scene, count: int) -> list[str]:
    """So many calls that are all live at one moment."""
    await scene.run(count)
    calls = [await scene.claim() for _ in range(count)]
    sids = [scene.ledger.placed(call) for call in calls]
    for call, sid in zip(calls, sids, strict=True):
        await scene.campaigns.dialled(call, "accepted", sid)
        await scene.ends(call, sid)
    return sids


async def test_c_rejects_more_live_calls_than_the_cap(scene: Scene) -> None:
    await overlapping(scene, 3)
    assert await scene.violations() == {}
    await scene.sql("UPDATE businesses SET max_concurrent_calls = 2")
    assert await scene.violations() == {"c": ["3 calls were live at once, 2 were allowed"]}


async def test_c_goes_by_the_caps_that_held(scene: Scene) -> None:
    """A cap lowered under live calls leaves them alone; one that was raised later allowed nothing before."""
    await overlapping(scene, 3)
    await scene.sql("UPDATE businesses SET max_concurrent_calls = 2")
    scene.caps.append({"business_id": scene.business, "cap": 2, "was": 3, "at": time.time()})
    assert await scene.violations() == {}
    scene.caps[0]["at"] -= 600
    assert await scene.violations() == {"c": ["3 calls were live at once, 2 were allowed"]}
    scene.caps[0] |= {"at": time.time() + 60, "was": 1}
    assert len((await scene.violations())["c"]) == 2


async def test_c_rejects_a_cap_that_is_not_the_last_one_set(scene: Scene) -> None:
    scene.caps.append({"business_id": scene.business, "cap": 3, "at": time.time()})
    assert await scene.violations() == {"c": ["the cap is 8, and 3 was the last one set"]}


@pytest.mark.parametrize(("kind", "grace"), [("cancel", 0.0), ("stop", 0.0), ("force_cancel", 3.0)])
async def test_f_rejects_a_create_after_the_answer_that_ruled_it_out(scene: Scene, kind: str, grace: float) -> None:
    sids = await rung(scene)
    runs = await scene.campaigns.rows("SELECT id FROM outbound_call_runs")
    came = scene.ledger.request_of(sids[1])["at"]
    scene.actions.append({"kind": kind, "run_id": runs[0]["id"], "answered_at": came - grace})
    assert await scene.violations() == {}
    scene.actions[0]["answered_at"] -= 1
    found = await scene.violations()
    assert list(found) == ["f"]
    assert kind in found["f"][-1]


async def test_f_rejects_an_attempt_claimed_after_its_run_had_ended(scene: Scene) -> None:
    await rung(scene)
    await scene.doctor("UPDATE outbound_call_runs SET ended_at = ended_at - interval '1 min'")
    assert (await scene.violations())["f"].count("an attempt was claimed after its run had ended") == 2


async def test_f_rejects_a_create_written_past_the_deadlines_of_an_ended_run(scene: Scene) -> None:
    sids = await rung(scene, 1)
    scene.ledger.request_of(sids[0])["at"] += 60
    assert "after its run had ended" in (await scene.violations())["f"][0]
