"""The calls of this process, found by sid, by account, and by account and number."""

import itertools
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator

from simulator.call import Call


class Calls:
    """Every call since the last reset, oldest first; deleted ones stay for the ledger's sake."""

    def __init__(self) -> None:
        self._by_sid: dict[str, Call] = {}
        self._by_account: dict[str, list[Call]] = defaultdict(list)
        self._by_to: dict[tuple[str, str], list[Call]] = defaultdict(list)

        self._numbers = itertools.count()

    def add(self, call: Call) -> None:
        call.number = next(self._numbers)
        self._by_sid[call.sid] = call
        self._by_account[call.account.sid].append(call)
        self._by_to[call.account.sid, call.to].append(call)

    def get(self, account: str, sid: str) -> Call | None:
        call = self._by_sid.get(sid)
        return call if call is not None and call.account.sid == account else None

    def newest_first(self, account: str, to: str | None, start: str | None = None) -> Iterator[Call]:
        """The account's calls, or those to one number; from the call with the sid `start` on, if it is given."""
        calls = self._by_account[account] if to is None else self._by_to[account, to]
        first = self.get(account, start) if start else None
        end = len(calls) if first is None else bisect_left(calls, first.number + 1, key=lambda one: one.number)
        return (calls[index] for index in range(end - 1, -1, -1))

    def count_to(self, account: str, to: str) -> int:
        return len(self._by_to[account, to])

    def all(self) -> list[Call]:
        return list(self._by_sid.values())

    def live(self) -> Iterator[Call]:
        return (call for call in self._by_sid.values() if not call.over)
