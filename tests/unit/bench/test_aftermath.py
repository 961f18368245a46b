"""What is said of a campaign whose dialer was killed."""

from dataclasses import replace

from bench.measures.crash import LEADS, Aftermath, aftermath
from bench.record import Placed
from bench.work import phone
from tests.unit.bench.ledgers import placed


def rung(lead: int, asked: float) -> Placed:
    return replace(placed(0, asked), to=phone(0, lead))


def test_a_lead_that_was_rung_again_and_one_that_never_was_are_counted() -> None:
    calls = [*(rung(lead, 10.0) for lead in range(LEADS - 1)), rung(3, 14.0), rung(3, 15.0), rung(4, 16.0)]
    assert aftermath(calls, killed=12.0, until=32.0) == Aftermath(2, 1, 20.0)


def test_the_last_first_ring_is_what_counts() -> None:
    calls = [*(rung(lead, 10.0) for lead in range(LEADS - 1)), rung(LEADS - 1, 17.5), rung(0, 30.0)]
    assert aftermath(calls, killed=12.0, until=32.0) == Aftermath(1, 0, 5.5)


def test_what_came_after_the_wait_does_not_count() -> None:
    calls = [*(rung(lead, 10.0) for lead in range(LEADS)), rung(0, 33.0)]
    assert aftermath(calls, killed=12.0, until=32.0) == Aftermath(0, 0, 0.0)
