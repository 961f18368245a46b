"""Ledger and database side by side, with the words that several rules need.

A create belongs to the row that has its token, and through it to a job, a run and a business. Of the calls that came
of one create the one that the row names is the call, the first where it names none; any other is a second one.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

from history.actions import Action
from history.caps import Caps
from history.faults import Faults
from history.ledger import Create, Ledger, PlacedCall
from history.rows import Business, Call, Job, Rows, Run
from history.times import AFTER_THE_CALL, Times

K = TypeVar("K")
V = TypeVar("V")

SKEW = 0.05
"""Seconds by which the ledger's clock and the database's may differ: they run on one machine in tests."""

PATIENCE = 60.0
"""Seconds after which what should have been settled counts as left lying."""

LONGEST_RING = 600.0
"""Seconds: the provider's longest Timeout, for a record that does not hold the create's own."""


@dataclass(frozen=True)
class History:
    """Everything to be judged, and by what measure; spans are in seconds.

    `actions` is None where nobody wrote any down: then the database is believed about hands that settled a call.
    `transit` is how long a network may have kept a create on its way to the ledger.
    """

    ledger: Ledger
    rows: Rows
    times: Times = field(default_factory=Times)
    caps: Caps = field(default_factory=Caps)
    actions: tuple[Action, ...] | None = None
    faults: Faults = field(default_factory=Faults)
    skew: float = SKEW
    transit: float = 0.0
    patience: float = PATIENCE

    @cached_property
    def businesses(self) -> Mapping[int, Business]:
        return {business.id: business for business in self.rows.businesses}

    @cached_property
    def runs(self) -> Mapping[int, Run]:
        return {run.id: run for run in self.rows.runs}

    @cached_property
    def jobs(self) -> Mapping[int, Job]:
        return {job.id: job for job in self.rows.jobs}

    @cached_property
    def jobs_of_run(self) -> Mapping[int, list[Job]]:
        return _grouped((job.run_id, job) for job in self.rows.jobs)

    @cached_property
    def calls(self) -> Mapping[int, Call]:
        return {call.id: call for call in self.rows.calls}

    @cached_property
    def attempts_of_job(self) -> Mapping[int, list[Call]]:
        """The attempts of each job, oldest first; rows of second calls are none."""
        return _grouped((call.job_id, call) for call in self.rows.calls if call.duplicate_of is None)

    @cached_property
    def creates(self) -> Mapping[str, list[Create]]:
        """The creates by token."""
        return _grouped((create.token, create) for create in self.ledger.creates if create.token is not None)

    @cached_property
    def _by_token(self) -> Mapping[str, Call]:
        return {call.token: call for call in self.rows.calls if call.duplicate_of is None}

    @cached_property
    def _by_sid(self) -> Mapping[str, Call]:
        return {call.sid: call for call in self.rows.calls if call.sid is not None}

    def row_of(self, create: Create | None) -> Call | None:
        """The row that has this create's token."""
        return self._by_token.get(create.token or "") if create else None

    def row_of_token(self, token: str | None) -> Call | None:
        return self._by_token.get(token or "")

    def row_of_sid(self, sid: str) -> Call | None:
        """The row that names this sid, be it an attempt's or a second call's."""
        return self._by_sid.get(sid)

    def owner_of(self, row: Call) -> Call | None:
        """The attempt behind a row: itself, or the one whose second call it is."""
        return row if row.duplicate_of is None else self.calls.get(row.duplicate_of)

    def placed_of(self, row: Call) -> list[PlacedCall]:
        """What the provider made of an attempt."""
        return [call for create in self.creates.get(row.token, ()) for call in create.calls]

    def is_second(self, call: PlacedCall) -> bool:
        """Whether this is another call than the one that its create was for."""
        if call.create is None or len(call.create.calls) == 1:
            return False
        row = self.row_of(call.create)
        named = [one for one in call.create.calls if row is not None and one.sid == row.sid]
        return call is not (named or call.create.calls)[0]

    def is_superseded(self, call: PlacedCall) -> bool:
        """Whether this call's attempt was given up by denials, or was over before the provider made the call."""
        row = self.row_of(call.create)
        if row is None or self.is_second(call):
            return False
        return row.superseded or (row.ended_at is not None and row.ended_at < call.at - self.skew)

    def is_excused(self, call: PlacedCall) -> bool:
        """Whether a fault was injected that accounts for this second or superseded call."""
        if call.create is None:
            return False
        if self.is_second(call):
            return self.faults.doubled(call.create)
        return self.is_superseded(call) and self.faults.late(call.create)

    def longest_life(self, call: PlacedCall) -> float:
        """The moment past which a call's slot is freed whatever the provider says."""
        params = call.create.params if call.create else {}
        ring = _seconds(params.get("Timeout"), LONGEST_RING)
        talk = _seconds(params.get("TimeLimit"), self.times.max_call_seconds)
        return call.at + call.queue_seconds + ring + talk + AFTER_THE_CALL

    def slot_until(self, call: PlacedCall) -> float:
        """When a call stops to count against cap and lead: its end, its longest life, or an operator's hand."""
        ended = math.inf if call.ended_at is None else call.ended_at
        row = self.row_of(call.create)
        if row is not None and row.settled_how == "hand" and row.ended_at is not None and self.by_hand(row):
            ended = min(ended, row.ended_at - self.skew)
        return min(ended, self.longest_life(call))

    def by_hand(self, row: Call) -> bool:
        """Whether an operator gave this call up, as far as it was written down."""
        return self.actions is None or any(one.kind == "abandon" and one.call_id == row.id for one in self.actions)

    def waited_out(self, since: float) -> bool:
        """Whether what was due at this moment is overdue now."""
        return self.rows.read_at > since + self.patience + self.skew


def _grouped(pairs: Iterable[tuple[K, V]]) -> Mapping[K, list[V]]:
    groups: dict[K, list[V]] = defaultdict(list)
    for key, value in pairs:
        groups[key].append(value)
    return groups


def _seconds(text: str | None, otherwise: float) -> float:
    try:
        return float(text) if text is not None else otherwise
    except ValueError:
        return otherwise
