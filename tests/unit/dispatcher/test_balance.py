"""Which partitions a dispatcher takes, and which it sends home."""

from __future__ import annotations

import pytest

from services.dispatcher.balance import HOME_AGAIN, NEXT_HOME, SETTLED, STAGGER, Balance
from services.dispatcher.roster import ordinal_of
from shared.queries.dispatching import Roster

LONG = 1000.0


def saw(me: int, *members: int, free: tuple[int, ...] = (), at: float = 0.0) -> Balance:
    """What a member makes of one roster."""
    balance = Balance()
    balance.saw(Roster(members, me, frozenset(free)), at)
    return balance


@pytest.mark.parametrize("members", [(7,), (7, 9), (7, 8, 9), (5, 6, 7, 8, 9)])
def test_all_members_agree_on_one_home_for_each_partition(members: tuple[int, ...]) -> None:
    """Two homes for one partition would pass it to and fro for ever."""
    of = {me: saw(me, *members) for me in members}
    homes = {partition: [me for me in members if of[me].is_home(partition)] for partition in range(8)}
    assert all(len(home) == 1 for home in homes.values())
    shares = [sum(home == [me] for home in homes.values()) for me in members]
    assert max(shares) - min(shares) <= 1


def test_before_the_first_roster_nothing_is_taken() -> None:
    assert not Balance().is_home(0)
    assert not Balance().may_take(0, LONG)


def test_what_is_free_is_taken_by_its_home_at_once_and_by_others_when_it_stays_free() -> None:
    balance = saw(7, 7, 9, free=(0, 1))
    assert balance.may_take(0, 0.0)
    assert not balance.may_take(1, STAGGER / 2)
    assert balance.may_take(1, STAGGER)
    assert not balance.may_take(2, LONG), "it is held"


def test_the_time_that_a_partition_is_free_is_counted_from_its_last_holder() -> None:
    balance = saw(7, 7, 9, free=(1,))
    balance.saw(Roster((7, 9), 7, frozenset()), 0.5)
    balance.saw(Roster((7, 9), 7, frozenset({1})), 1.0)
    assert not balance.may_take(1, 1.0 + STAGGER / 2)


def test_partitions_are_sent_home_one_after_the_other_once_the_members_are_settled() -> None:
    balance = saw(7, 7)
    balance.saw(Roster((7, 9), 7, frozenset()), 10.0)
    mine = {0: 1.0, 1: 1.0, 2: 1.0, 3: 1.0}
    assert balance.send_home(mine, 10.0 + SETTLED / 2) is None
    now = 10.0 + SETTLED
    assert balance.send_home(mine, now) == 1
    del mine[1]
    balance.saw(Roster((7, 9), 7, frozenset({1})), now)
    assert balance.send_home(mine, now + NEXT_HOME) is None, "the first is not there yet"
    balance.saw(Roster((7, 9), 7, frozenset()), now)
    assert balance.send_home(mine, now + NEXT_HOME) == 3
    del mine[3]
    assert balance.send_home(mine, now + LONG) is None, "what is left is at home"


def test_nobody_alone_sends_anything_away() -> None:
    assert saw(7, 7).send_home({0: 0.0, 1: 0.0}, LONG) is None


def test_what_its_home_left_to_us_is_not_sent_back_at_once() -> None:
    """A dispatcher that is alive and takes nothing would else stop its partitions every few seconds."""
    balance = saw(7, 7, 9)
    assert balance.send_home({1: 5.0}, 5.0 + SETTLED) is None
    assert balance.send_home({1: 5.0}, 5.0 + HOME_AGAIN) == 1


@pytest.mark.parametrize(
    ("hostname", "ordinal"),
    [
        ("ringfence-dispatcher-0", 0),
        ("ringfence-dispatcher-12", 12),
        ("ringfence-dispatcher-3.ringfence.default.svc", 3),
        ("laptop", None),
        ("ringfence-dispatcher-7d9c-x2k", None),
        ("box7", None),
    ],
)
def test_the_ordinal_is_the_number_at_the_end_of_the_hosts_name(hostname: str, ordinal: int | None) -> None:
    assert ordinal_of(hostname) == ordinal
