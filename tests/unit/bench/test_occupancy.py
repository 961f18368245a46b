"""How much of the slots' time is used, by the definition in docs/bench.md."""

import pytest

from bench.occupancy import slot_use
from bench.work import Work
from tests.unit.bench.ledgers import placed

WORK = Work(businesses=1, leads_each=10, cap=2)


def test_a_slot_is_used_from_the_request_to_the_end_of_its_call() -> None:
    calls = [placed(0, 0.0, ended=4.0), placed(0, 5.0, ended=8.0)]
    assert slot_use(calls, WORK, 0.0, 10.0) == pytest.approx(7 / 20)


def test_what_reaches_over_the_edges_counts_within_them() -> None:
    calls = [placed(0, -5.0, ended=2.0), placed(0, 8.0)]
    assert slot_use(calls, WORK, 0.0, 10.0) == pytest.approx(4 / 20)


def test_a_business_without_waiting_jobs_no_longer_counts() -> None:
    work = Work(businesses=2, leads_each=2, cap=1)
    done = [placed(0, 0.0, ended=1.0), placed(0, 1.0, ended=2.0)]
    busy = [placed(1, 0.0, ended=10.0)]
    assert slot_use([*done, *busy], work, 0.0, 10.0) == pytest.approx(11 / 11)


def test_nothing_is_said_where_no_job_waits() -> None:
    assert slot_use([placed(0, 0.0, ended=1.0)], Work(1, 1, 1), 5.0, 10.0) is None
