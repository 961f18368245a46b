import pytest

from simulator.fragment import RETRYABLE, Overrides, split


def test_without_a_fragment_twilios_defaults_hold() -> None:
    url, overrides = split("http://127.0.0.1/status/t?x=1")
    assert url == "http://127.0.0.1/status/t?x=1"
    assert overrides == Overrides(5000, 15000, 15000, 1, frozenset({"ct"}))


def test_every_override_is_read_and_the_fragment_leaves_the_url() -> None:
    url, overrides = split("http://127.0.0.1/s/t#rc=5&rp=all&ct=2000&rt=3000&tt=14000")
    assert url == "http://127.0.0.1/s/t"
    assert overrides == Overrides(2000, 3000, 14000, 5, RETRYABLE)


def test_an_empty_query_is_left_as_it_is() -> None:
    assert split("http://h/p?#rc=2")[0] == "http://h/p?"


@pytest.mark.parametrize(
    ("fragment", "retry_on"),
    [
        ("rp=4xx,5xx", {"4xx", "5xx"}),
        ("rp=rt%2C5xx", {"rt", "5xx"}),
        ("rp=nonsense", {"ct"}),
        ("rp=", {"ct"}),
    ],
)
def test_a_retry_policy_is_a_list_of_known_names(fragment: str, retry_on: set[str]) -> None:
    assert split(f"http://h/#{fragment}")[1].retry_on == retry_on


def test_numbers_are_brought_into_their_range_and_garbage_keeps_the_default() -> None:
    overrides = split("http://h/#rc=99&ct=1&rt=99999&tt=soon")[1]
    assert (overrides.retries, overrides.connect_ms, overrides.read_ms, overrides.total_ms) == (
        5,
        100,
        15000,
        15000,
    )
