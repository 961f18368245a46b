"""The rules, each in a file of its own whose first words state it exactly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from history.findings import Findings
from history.history import History
from history.rules import caps, endings, leftovers, outcomes, overlaps, redials, rung, slots, surplus, tokens


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule by its letter."""

    letter: str
    title: str
    check: Callable[[History], Findings]


RULES = (
    Rule("a", "every create carries a token of its own that the database knows", tokens.check),
    Rule("b", "no two overlapping calls to one lead of a business", overlaps.check),
    Rule("c", "never more live calls than the cap", caps.check),
    Rule("d", "every call is known with the same final outcome", outcomes.check),
    Rule("e", "no queued job in an ended run, no endless one, counters equal rows", leftovers.check),
    Rule("f", "no create after a cancel or stop was answered", endings.check),
    Rule("g", "every lead of a completed run rung, or its reason recorded", rung.check),
    Rule("h", "no slot held at rest", slots.check),
    Rule("i", "a second call for a job only when the first provably was none", redials.check),
    Rule("j", "second and superseded calls reported, hung up, and only by injected faults", surplus.check),
)
