"""What a look at the provider says against what it said before. It decides nothing: each contradiction is told once."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from services.reaper.settle import Finding
from shared.contradictions import Contradictions
from shared.queries.checks import Check, Settled
from shared.queries.sids import KnownCall
from shared.telephony.reads import ProviderCall


class Doubts:
    """Holds reads against the record."""

    def __init__(self) -> None:
        self._contradictions = Contradictions()

    def repeated(self, check: Check, calls: Sequence[ProviderCall], repeats: Sequence[ProviderCall]) -> None:
        """A list showed calls more than once; each counts once."""
        if repeats:
            said = {"said_rows": len(calls) + len(repeats), "said_sids": sorted({call.sid for call in repeats})[:10]}
            self._contradictions.tell("repeated_rows", check.call_id, **_ids(check), known_calls=len(calls), **said)

    def live_after_end(self, check: Check, live: Mapping[str, str], known: Mapping[str, KnownCall]) -> None:
        """A list shows as going on what we were told has ended: the end stands."""
        self._contradictions.live_after_end(known, live, check.looked_at)

    def several(self, check: Check, said_sids: Collection[str]) -> None:
        """More than one listed call may be this one: the provider carried one create out twice, or it is not ours."""
        words = {"known_state": check.state, "said_sids": sorted(said_sids)}
        self._contradictions.tell("several", check.call_id, **_ids(check), **words)

    def not_found(self, check: Check) -> None:
        """A sid that the provider gave us is one that it does not know: it is asked again."""
        words = {"known_state": check.state, "known_sid": check.call_sid, "said": "not found"}
        self._contradictions.tell("unknown_sid", check.call_id, **_ids(check), **words)

    def settled(self, check: Check, finding: Finding, settled: Settled) -> None:
        """A list shows a call that an earlier one had denied, or a fetch another end than we were told."""
        if settled.result in ("guessed", "list") and check.kind == "list" and _was_there(finding.made, check.denied_at):
            words = {"known_denial": check.denied_at, "said_made": finding.made, "said": finding.status}
            self._contradictions.tell("listed_late", check.call_id, **_ids(check, finding.call_sid), **words)
        elif settled.result is None and finding.outcome not in (None, settled.known_outcome) and settled.known_outcome:
            words = {"known_state": settled.known_state, "known_outcome": settled.known_outcome, "said": finding.status}
            self._contradictions.tell("other_end", check.call_id, **_ids(check, finding.call_sid), **words)


def _was_there(made: datetime | None, denied: datetime | None) -> bool:
    return made is not None and denied is not None and made <= denied


def _ids(check: Check, sid: str | None = None) -> dict[str, object]:
    return {
        "business_id": check.business_id,
        "run_id": check.run_id,
        "job_id": check.job_id,
        "call_id": check.call_id,
        "call_sid": sid or check.call_sid,
    }
