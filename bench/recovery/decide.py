"""A dispatcher dies between its creates and their answers: when is it known what became of each call?

Rules: three kinds of calls are on the wire at each death. Of one the provider tells in a callback, a while after the
death; another it carried out and never tells of, so that only its list does; the third it never got. None is answered
by a person, for then the provider would ask what to say. Rounds do not wait for each other: the next death comes while
the calls of the last one are still in doubt.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bench.recovery.campaign import RATE, Campaign, new_phones
from bench.recovery.scene import Scene, eventually
from stack.errors import StackError

EACH = 3
"""Calls of each kind in a round."""

TOLD_AFTER = 3.0
"""Seconds that the provider keeps its callbacks back: the death comes well before."""

DECIDED_TIMEOUT = 240.0
BUSY = {"mode": "outcome", "params": {"outcome": "busy"}}
KINDS: Mapping[str, list[dict[str, Any]]] = {
    "callback": [
        {"mode": "hang", "params": {"accept": True}, "times": 1},
        {"mode": "callback_delay", "params": {"seconds": TOLD_AFTER}},
        BUSY,
    ],
    "list": [{"mode": "hang", "params": {"accept": True}, "times": 1}, {"mode": "callback_lost"}, BUSY],
    "absent": [{"mode": "hang", "params": {"accept": False}, "times": 1}],
}


@dataclass(frozen=True)
class Wave:
    """The calls that were on the wire at one death; `died` is Unix time."""

    run_id: int
    kinds: Mapping[str, str]
    died: float


async def decide(scene: Scene, rounds: int) -> Mapping[str, list[float]]:
    """From each death until every call that was on the wire is known to be held, ended, or not held, by kind."""
    campaign = await Campaign.begin(scene.stack, RATE)
    waves = []
    for number in range(1, rounds + 1):
        waves.append(await _wave(scene, campaign))
        scene.tell(f"decide {number} of {rounds}: died with {len(waves[-1].kinds)} creates unanswered")
    seconds: dict[str, list[float]] = defaultdict(list)
    for wave in waves:
        for kind, decided in (await _decided(scene, campaign, wave)).items():
            seconds[f"decide_{kind}"] += decided
            scene.tell(f"decide: {kind} after {', '.join(f'{one:.1f}' for one in decided)} s")
    await campaign.stop()
    return seconds


async def _wave(scene: Scene, campaign: Campaign) -> Wave:
    await scene.ready()
    victim = await scene.active()
    kinds = {phone: kind for kind in KINDS for phone in new_phones(EACH)}
    rules = [{**rule, "match": {"to": phone}} for phone, kind in kinds.items() for rule in KINDS[kind]]
    await scene.stack.simulator.add_rules(*rules)
    run_id = await campaign.ring(list(kinds))

    async def all_asked() -> bool:
        scene.ledger.read()
        return kinds.keys() <= scene.ledger.asked

    await eventually(all_asked, "creates for every call of the round", scene.calm.timeout)
    died = time.time()
    await scene.stack.kill(victim)
    return Wave(run_id, kinds, died)


async def _decided(scene: Scene, campaign: Campaign, wave: Wave) -> Mapping[str, list[float]]:
    """Seconds from the death to the decision, by kind, once all are decided."""

    async def look() -> list[tuple[str, float]] | None:
        jobs = await campaign.client.jobs(wave.run_id)
        found = [(wave.kinds[job["phone"]], _decided_at(job["calls"])) for job in jobs]
        known = [(kind, at) for kind, at in found if at is not None]
        return known if len(known) == len(found) else None

    seconds: dict[str, list[float]] = defaultdict(list)
    for kind, at in await eventually(look, "decision about every call of the round", DECIDED_TIMEOUT):
        if at <= wave.died:
            raise StackError(f"a {kind} call was decided {wave.died - at:.3f} s before the death: it measures nothing")
        seconds[kind].append(at - wave.died)
    return seconds


def _decided_at(calls: list[dict[str, Any]]) -> float | None:
    """When a job's first attempt was known to be held or to be over, Unix time."""
    first = min(calls, key=lambda call: call["created_at"])
    known = [first[name] for name in ("accepted_at", "ended_at") if first[name] is not None]
    return min(datetime.fromisoformat(moment).timestamp() for moment in known) if known else None
