"""What the database must say of a call that ended in a certain way at the provider."""

from __future__ import annotations

from collections.abc import Mapping

from history.ledger import PlacedCall

WORDS: Mapping[str, str] = {
    "completed": "answered",
    "busy": "busy",
    "no-answer": "no_answer",
    "failed": "failed",
    "canceled": "canceled",
}
FROM_THE_LINE = frozenset({*WORDS.values(), "machine"})
"""Outcomes that only a call can have, so none of them comes without one."""


def outcome_of(call: PlacedCall) -> str | None:
    """The outcome of a call by the provider's word, None while it lives."""
    if call.outcome == "completed" and (call.answered_by or "").startswith(("machine", "fax")):
        return "machine"
    return WORDS.get(call.outcome or "")


def lied_about(call: PlacedCall) -> str | None:
    """The outcome that the provider's reads gave out for this call against its own ledger, if they were made to."""
    lie = call.behaviour.get("lying_status")
    return WORDS.get(str(lie.get("status"))) if isinstance(lie, Mapping) else None
