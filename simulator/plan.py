"""What will become of a call, decided when it is created: by a rule, else by the seeded generator."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from simulator.settings import Outcomes, Timings

FAILURES = (404, 480, 503)
SIP_BUSY = 486
SIP_CANCELLED = 487


@dataclass(frozen=True, slots=True)
class Plan:
    """The outcome and the spans before it, simulated seconds; written to the ledger with the call."""

    outcome: str
    initiated: float
    post_dial: float
    ring: float
    talk: float
    sip_code: int | None
    rings: bool
    answered_by: str | None
    detection: float

    @classmethod
    def read(cls, content: Mapping[str, Any]) -> Self:
        return cls(**content)

    def as_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in _NAMES}


_NAMES = tuple(one.name for one in fields(Plan))


def make(rng: random.Random, timings: Timings, weights: Outcomes, forced: Mapping[str, Any] | None) -> Plan:
    """Draw a plan; what the rule `outcome` names is taken from it, the draws are made all the same."""
    wanted = forced or {}
    drawn = _draw(rng, weights)
    fails_ringing = rng.random() < 0.5
    outcome = str(wanted.get("outcome", drawn))
    ring_span = {"busy": timings.busy, "failed": timings.fail}.get(outcome, timings.ring)
    ring = rng.uniform(*ring_span)
    talk = rng.uniform(*timings.talk)
    return Plan(
        outcome=outcome,
        initiated=rng.uniform(*timings.initiated),
        post_dial=rng.uniform(*timings.post_dial),
        ring=float(wanted.get("ring_seconds", ring)),
        talk=float(wanted.get("talk_seconds", talk)),
        sip_code=_sip_code(outcome, rng, wanted),
        rings=outcome != "failed" or fails_ringing,
        answered_by=_answered_by(outcome, wanted),
        detection=rng.uniform(*timings.detection),
    )


def _draw(rng: random.Random, weights: Outcomes) -> str:
    names, values = zip(*weights, strict=True)
    return str(rng.choices(names, values)[0])


def _sip_code(outcome: str, rng: random.Random, wanted: Mapping[str, int | None]) -> int | None:
    failure = rng.choice(FAILURES)
    usual = {"busy": SIP_BUSY, "failed": failure, "no_answer": SIP_CANCELLED}.get(outcome)
    return wanted.get("sip_code", usual)


def _answered_by(outcome: str, wanted: Mapping[str, str | None]) -> str | None:
    default = {"machine": "machine_start", "answered": "human"}.get(outcome)
    return wanted.get("answered_by", default)
