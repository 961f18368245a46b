"""How much of the slots' time is used while jobs wait.

A slot is in use from the arrival of the create request at the provider to the end of its call there. A business counts
for as long as it has leads that were not rung yet.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from bench.record import Placed
from bench.work import Work


def slot_use(calls: Iterable[Placed], work: Work, start: float, end: float) -> float | None:
    """The share from 0 to 1 over this span; None when no business had jobs waiting in it."""
    own: dict[int, list[Placed]] = defaultdict(list)
    for call in calls:
        own[call.business].append(call)
    used = there = 0.0
    for business in range(work.businesses):
        rung = own[business]
        until = min(end, max(call.asked for call in rung)) if len(rung) >= work.leads_each else end
        if until > start:
            there += work.cap * (until - start)
            used += sum(_overlap(call, start, until) for call in rung)
    return used / there if there else None


def _overlap(call: Placed, start: float, end: float) -> float:
    ended = end if call.ended is None else min(call.ended, end)
    return max(0.0, ended - max(call.asked, start))
