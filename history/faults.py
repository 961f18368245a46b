"""Faults that were injected where the ledger does not tell of them: on the network, or at another provider.

Rules: a JSON line a fault: `fault` is two_sids (one create carried out twice) or create_late (a create carried out so
late, or kept out of lists so long, that its attempt was given up); `request_id`, `sid`, `account`, and `from` and
`until` (Unix seconds of the create) say which creates it may have struck. All that are named must fit, and at least
one must be named.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from history.ledger import Create
from history.lines import Line, read_lines

TWO_SIDS = "two_sids"
CREATE_LATE = "create_late"
NAMES = ("request_id", "sid", "account", "from", "until")


@dataclass(frozen=True, slots=True)
class Fault:
    """Where one fault may have struck."""

    fault: str
    request_id: str | None = None
    sid: str | None = None
    account: str | None = None
    since: float | None = None
    until: float | None = None

    def fits(self, create: Create) -> bool:
        return (
            self.request_id in (None, create.request_id)
            and self.account in (None, create.account)
            and (self.sid is None or any(call.sid == self.sid for call in create.calls))
            and (self.since is None or self.since <= create.at)
            and (self.until is None or create.at <= self.until)
        )


@dataclass(frozen=True, slots=True)
class Faults:
    """Every fault that was injected: the ledger's own word for it, or that of whoever injected it."""

    told: tuple[Fault, ...] = ()

    def doubled(self, create: Create) -> bool:
        """Whether this create was made to be carried out twice."""
        return create.mode == TWO_SIDS or self._told(TWO_SIDS, create)

    def late(self, create: Create) -> bool:
        """Whether this create was made to be carried out late, or its calls to be missing in lists."""
        hidden = any("rest_stale" in call.behaviour for call in create.calls)
        return create.mode == CREATE_LATE or hidden or self._told(CREATE_LATE, create)

    def _told(self, fault: str, create: Create) -> bool:
        return any(one.fault == fault and one.fits(create) for one in self.told)


def read_faults(path: Path) -> Faults:
    """The faults in this file. Raises Unreadable."""
    return Faults(tuple(_faults(read_lines(path))))


def _faults(lines: Iterable[Line]) -> Iterable[Fault]:
    for line in lines:
        fault = line.text("fault")
        if fault not in (TWO_SIDS, CREATE_LATE):
            raise line.wrong("fault", f"{TWO_SIDS} or {CREATE_LATE}")
        if all(line.fields.get(name) is None for name in NAMES):
            raise line.wrong("fault", f"narrowed by any of {', '.join(NAMES)}")
        yield Fault(
            fault,
            line.text_or_none("request_id"),
            line.text_or_none("sid"),
            line.text_or_none("account"),
            line.number_or_none("from"),
            line.number_or_none("until"),
        )
