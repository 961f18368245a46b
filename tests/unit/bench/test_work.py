"""What engines are given to do."""

from bench.work import Work, business_of, leads_for


def test_a_number_tells_its_business_wherever_counting_began() -> None:
    phones = Work(2, 3, 1, first=40).phones(1)
    assert len(set(phones)) == 3
    assert {business_of(phone) for phone in phones} == {41}


def test_leads_last_twice_the_time_at_full_use() -> None:
    assert leads_for(10.0, businesses=300, slots_per_second=3.0, most_calls=None) == 60


def test_a_slow_engine_is_handed_no_more_than_twice_what_it_can_ring() -> None:
    assert leads_for(10.0, businesses=300, slots_per_second=3.0, most_calls=150.0) == 10
    assert leads_for(10.0, businesses=10, slots_per_second=3.0, most_calls=150.0) == 60
