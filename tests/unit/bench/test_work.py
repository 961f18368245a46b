"""What engines are given to do."""

from bench.work import Work, business_of, leads_for, phone


def test_a_number_tells_its_business_wherever_counting_began() -> None:
    phones = Work(2, 3, 1, first=40).phones(1)
    assert len(set(phones)) == 3
    assert {business_of(phone) for phone in phones} == {41}


def test_ten_million_leads_of_a_business_and_those_after_them_have_numbers_of_their_own() -> None:
    """One digit fewer, and the claims of the full form meet a number that is taken."""
    numbers = [phone(9_999, lead) for lead in (1_000_000, 10_000_000, 10_000_001)]
    assert len(set(numbers)) == 3
    assert {business_of(number) for number in numbers} == {9_999}
    assert {len(number.removeprefix("+")) for number in numbers} == {15}


def test_leads_last_twice_the_time_at_full_use() -> None:
    assert leads_for(10.0, businesses=300, slots_per_second=3.0, most_calls=None) == 60


def test_a_slow_engine_is_handed_no_more_than_twice_what_it_can_ring() -> None:
    assert leads_for(10.0, businesses=300, slots_per_second=3.0, most_calls=150.0) == 10
    assert leads_for(10.0, businesses=10, slots_per_second=3.0, most_calls=150.0) == 60
