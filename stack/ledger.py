"""What the provider's ledger says about a campaign, and whether the API says the same.

The ledger is the simulator's own record of what it was asked and what it did, so every figure here is measured
at the provider, not by the system that is being judged.
"""

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

OUTCOMES = {
    "completed": "answered",
    "busy": "busy",
    "no-answer": "no_answer",
    "failed": "failed",
    "canceled": "canceled",
}


@dataclass(frozen=True)
class PlacedCall:
    """A call that the provider carried out; times in Unix seconds, `ended` None while it lives."""

    sid: str
    to: str
    asked: float
    ended: float | None
    outcome: str | None


def placed_calls(entries: Iterable[dict[str, Any]]) -> list[PlacedCall]:
    """The calls among the ledger's entries; requests that were refused made none."""
    return [_placed(entry) for entry in entries if entry["carried_out"] and not entry["foreign"]]


def rung_twice(calls: Iterable[PlacedCall]) -> list[str]:
    """The numbers that were called more than once."""
    return [to for to, times in Counter(call.to for call in calls).items() if times > 1]


def most_at_once(calls: Iterable[PlacedCall]) -> int:
    live = most = 0
    for _, step in _steps(calls):
        live += step
        most = max(most, live)
    return most


def slot_turnarounds(calls: Iterable[PlacedCall], slots: int) -> list[float]:
    """Seconds from the end of a call to the request that used its slot; slots never used again give none."""
    unused = slots
    freed: deque[float] = deque()
    waited = []
    for at, step in _steps(calls):
        if step < 0:
            freed.append(at)
        elif unused:
            unused -= 1
        elif freed:
            waited.append(at - freed.popleft())
    return waited


def disagreements(calls: Iterable[PlacedCall], jobs: Iterable[dict[str, Any]]) -> list[str]:
    """Every way in which the provider's calls and those of the API's jobs differ, a sentence each."""
    known = {call["call_sid"]: call for job in jobs for call in job["calls"] if call["call_sid"]}
    placed = {call.sid: call for call in calls}
    wrong = [f"{sid} was placed, and the database does not know it" for sid in placed.keys() - known.keys()]
    wrong += [f"{sid} is in the database, and was never placed" for sid in known.keys() - placed.keys()]
    for sid in placed.keys() & known.keys():
        told, real = known[sid]["outcome"], placed[sid].outcome
        if told != real:
            wrong.append(f"{sid} ended as {real}, and the database says {told}")
    return wrong


def _placed(entry: dict[str, Any]) -> PlacedCall:
    outcome = entry["outcome"]
    ended = entry["states"][outcome]["at"] if outcome else None
    return PlacedCall(entry["sid"], entry["to"], entry["at"], ended, OUTCOMES.get(outcome, outcome))


def _steps(calls: Iterable[PlacedCall]) -> list[tuple[float, int]]:
    """Beginnings (+1) and ends (-1) in their order; at one moment the end comes first."""
    steps = []
    for call in calls:
        steps.append((call.asked, 1))
        if call.ended is not None:
            steps.append((call.ended, -1))
    return sorted(steps)
