"""Every way in which an attempt is settled, played out honestly; each takes one claimed call to its end."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

from tests.integration.campaigns import Row
from tests.integration.history.scene import Scene

Settling = Callable[[Scene, Row], Awaitable[None]]


async def by_answer_and_callback(scene: Scene, call: Row) -> None:
    await scene.rings(call)


async def by_callback_before_the_answer(scene: Scene, call: Row) -> None:
    sid = scene.ledger.placed(call)
    await scene.ends(call, sid, "busy")
    await scene.campaigns.dialled(call, "accepted", sid)


async def by_callback_after_a_lost_answer(scene: Scene, call: Row) -> None:
    sid = scene.ledger.placed(call, mode="reset_after_accept", status=None)
    await scene.campaigns.dialled(call, "ambiguous")
    await scene.ends(call, sid, "no-answer")


async def by_list(scene: Scene, call: Row) -> None:
    sid = scene.ledger.placed(call, mode="reset_after_accept", status=None)
    scene.ledger.ends(sid, "busy")
    assert await scene.campaigns.guessed(call, sid, "busy") == "list"


async def by_list_and_then_its_own_callback(scene: Scene, call: Row) -> None:
    await by_list(scene, call)
    sid = (await scene.campaigns.call(call))["call_sid"]
    assert await scene.callback(call, sid, "busy") == "amended"


async def by_somebody_elses_call(scene: Scene, call: Row) -> None:
    scene.ledger.request(call, mode="reset_before_accept", status=None)
    sid = scene.ledger.foreign(call)
    scene.ledger.ends(sid, "no-answer")
    assert await scene.campaigns.guessed(call, sid, "no_answer") == "list"


async def by_fetch(scene: Scene, call: Row) -> None:
    sid = scene.ledger.placed(call)
    await scene.campaigns.dialled(call, "accepted", sid)
    scene.ledger.ends(sid, "canceled")
    assert await scene.settle(call, "status", sid, "canceled") == "fetch"


async def by_fetch_of_a_lie(scene: Scene, call: Row) -> None:
    sid = scene.ledger.call(scene.ledger.request(call), behaviour={"lying_status": {"status": "busy"}})
    await scene.campaigns.dialled(call, "accepted", sid)
    scene.ledger.ends(sid)
    assert await scene.settle(call, "status", sid, "busy") == "fetch"


async def by_two_denials_and_a_redial(scene: Scene, call: Row) -> None:
    scene.ledger.request(call, mode="reset_before_accept", status=None)
    assert await scene.denied_twice(call) == "absent"
    await scene.rings(await scene.claim())


async def handed_back(scene: Scene, call: Row, klass: str) -> None:
    assert await scene.campaigns.dialled(call, klass) == "returned_queued"
    await scene.rings(await scene.claim())


async def by_not_being_sent(scene: Scene, call: Row) -> None:
    await handed_back(scene, call, "not_sent")


async def by_its_deadline(scene: Scene, call: Row) -> None:
    await handed_back(scene, call, "deadline")


async def by_throttling(scene: Scene, call: Row) -> None:
    scene.ledger.request(call, mode="http_429", status=429, answer_code=20429)
    await handed_back(scene, call, "throttled")


async def by_a_door_that_keeps_no_ledger(scene: Scene, call: Row) -> None:
    await handed_back(scene, call, "account_blocked")


async def by_a_full_account(scene: Scene, call: Row) -> None:
    scene.ledger.request(call, mode="concurrency_10004", status=400, answer_code=10004)
    await handed_back(scene, call, "account_full")


async def by_refusal(scene: Scene, call: Row) -> None:
    scene.ledger.request(call, status=400, answer_code=21211)
    assert await scene.campaigns.dialled(call, "number_rejected", code="21211") == "rejected"


async def by_an_operator(scene: Scene, call: Row) -> None:
    sid = scene.ledger.placed(call, mode="reset_after_accept", status=None)
    await scene.campaigns.dialled(call, "ambiguous")
    await scene.sql("SELECT ringfence_abandon_call($1, $2)", scene.business, call["call_id"])
    scene.actions.append({"kind": "abandon", "call_id": call["call_id"], "answered_at": time.time()})
    scene.ledger.ends(sid)


async def by_its_longest_life(scene: Scene, call: Row) -> None:
    scene.ledger.placed(call)
    left = "SELECT extract(epoch FROM expires_at - clock_timestamp())::float8 FROM calls WHERE id = $1"
    await scene.passes(call, await scene.campaigns.connection.fetchval(left, call["call_id"]))
    await scene.sql("SELECT * FROM ringfence_mark_uncertain(100)")
    assert await scene.settle(call, "expired") == "expired"
    await scene.sql("UPDATE calls SET ended_at = expires_at WHERE id = $1", call["call_id"])  # the sweep came at once


async def with_a_second_sid(scene: Scene, call: Row) -> None:
    request = scene.ledger.request(call, mode="two_sids")
    sid, second = scene.ledger.call(request), scene.ledger.call(request)
    await scene.campaigns.dialled(call, "accepted", sid)
    assert await scene.callback(call, second, "ringing") == "second_sid"
    rows = await scene.campaigns.rows("SELECT id FROM calls WHERE call_sid = $1", second)
    await scene.hung_up(rows[0]["id"], second)
    await scene.ends(call, second)
    await scene.ends(call, sid)


async def with_a_call_that_surfaced_after_its_redial(scene: Scene, call: Row) -> None:
    request = scene.ledger.request(call, mode="create_late", status=None)
    assert await scene.denied_twice(call) == "absent"
    redial = await scene.claim()
    again = scene.ledger.placed(redial)
    await scene.campaigns.dialled(redial, "accepted", again)
    late = scene.ledger.call(request)
    assert await scene.callback(call, late, "ringing") == "surfaced"
    await scene.hung_up(call["call_id"], late)
    await scene.ends(call, late)
    await scene.ends(redial, again)


async def with_a_call_that_surfaced_before_its_redial(scene: Scene, call: Row) -> None:
    request = scene.ledger.request(call, mode="create_late", status=None)
    assert await scene.denied_twice(call) == "absent"
    late = scene.ledger.call(request)
    assert await scene.callback(call, late, "ringing") == "surfaced"
    await scene.hung_up(call["call_id"], late)
    await scene.ends(call, late)


async def with_a_call_that_came_after_somebody_elses_had_settled_it(scene: Scene, call: Row) -> None:
    late = await after_somebody_elses(scene, call)
    assert await scene.callback(call, late, "completed") == "amended"


async def with_such_a_call_whose_end_only_a_fetch_told(scene: Scene, call: Row) -> None:
    late = await after_somebody_elses(scene, call)
    assert await scene.settle(call, "status", late, "answered") == "fetch"


async def after_somebody_elses(scene: Scene, call: Row) -> str:
    """An attempt settled by somebody else's call, and then its own after all, which is hung up; the sid of that."""
    request = scene.ledger.request(call, mode="create_late", status=None)
    other = scene.ledger.foreign(call)
    scene.ledger.ends(other, "no-answer")
    assert await scene.campaigns.guessed(call, other, "no_answer") == "list"
    await scene.passes(call, 1)
    await scene.sql("UPDATE calls SET ended_at = ended_at - interval '1 s' WHERE id = $1", call["call_id"])
    late = scene.ledger.call(request)
    assert await scene.callback(call, late, "ringing") == "surfaced"
    await scene.hung_up(call["call_id"], late)
    return late


SETTLINGS: tuple[Settling, ...] = (
    by_answer_and_callback,
    by_callback_before_the_answer,
    by_callback_after_a_lost_answer,
    by_list,
    by_list_and_then_its_own_callback,
    by_somebody_elses_call,
    by_fetch,
    by_fetch_of_a_lie,
    by_two_denials_and_a_redial,
    by_not_being_sent,
    by_its_deadline,
    by_throttling,
    by_a_door_that_keeps_no_ledger,
    by_a_full_account,
    by_refusal,
    by_an_operator,
    by_its_longest_life,
    with_a_second_sid,
    with_a_call_that_surfaced_after_its_redial,
    with_a_call_that_surfaced_before_its_redial,
    with_a_call_that_came_after_somebody_elses_had_settled_it,
    with_such_a_call_whose_end_only_a_fetch_told,
)
