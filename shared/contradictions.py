"""Says that the provider contradicts itself: a count by kind, and one line with both sides' words.

Rules: what we had on record is `known_…`, what the provider says now `said` or `said_…`; what comes up at every look is
said once.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Mapping
from datetime import datetime
from typing import Final

from shared import metrics
from shared.logs import logger
from shared.queries.sids import KnownCall

REMEMBERED: Final = 10_000
"""How many of the latest are not said again; some hundred bytes each."""

log = logger()


def count(kind: str) -> None:
    """Count a contradiction whose line somebody else writes."""
    metrics.PROVIDER_CONTRADICTIONS.labels(kind=kind).inc()


class Contradictions:
    """Tells of contradictions, each once in the life of this process."""

    def __init__(self) -> None:
        self._told: OrderedDict[tuple[str, Hashable], None] = OrderedDict()

    def tell(self, kind: str, about: Hashable, **words: object) -> None:
        """Tell of this contradiction about a call or an account, unless that was done before."""
        if (kind, about) in self._told:
            self._told.move_to_end((kind, about))
            return
        self._told[kind, about] = None
        if len(self._told) > REMEMBERED:
            self._told.popitem(last=False)
        count(kind)
        log.warning("PROVIDER_CONTRADICTION", action=kind, **words)

    def live_after_end(self, known: Mapping[str, KnownCall], said: Mapping[str, str], at: datetime) -> None:
        """Tell of calls that a read of this moment shows as going on though we had been told their end before.

        `said` is the provider's word for each sid that it shows as going on.
        """
        for sid, word in said.items():
            call = known.get(sid)
            if call is not None and call.was_over(at):
                self.tell("live_after_end", sid, **call.words, said=word)
