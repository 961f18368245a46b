from typing import Any

import pytest
from pydantic import ValidationError

from simulator.modes import error_code, http_error
from simulator.rules import Facts, Op, Rule, RuleBook

ACCOUNT = "AC" + "1" * 32


def facts(to: str = "+12125550100", op: Op = "create", from_: str = "+15005550006") -> Facts:
    return Facts(op, ACCOUNT, to, from_)


def book(*rules: dict[str, Any]) -> RuleBook:
    return RuleBook([Rule.model_validate(rule) for rule in rules], seed=1)


def strikes(rules: RuleBook, count: int) -> list[bool]:
    return [rules.fault(facts()) is not None for _ in range(count)]


def test_a_rule_without_a_match_strikes_every_create_and_no_read() -> None:
    rules = book({"mode": "http_500"})
    assert rules.fault(facts()) is not None
    assert rules.fault(facts(op="list")) is None


def test_an_operation_that_is_named_is_struck() -> None:
    rules = book({"mode": "http_500", "match": {"op": "list"}})
    assert rules.fault(facts(op="list")) is not None
    assert rules.fault(facts()) is None


def test_a_blocked_account_is_blocked_for_reads_too() -> None:
    rules = book({"mode": "account_suspended", "match": {"account": ACCOUNT}})
    assert rules.fault(facts(op="fetch")) is not None


@pytest.mark.parametrize(
    ("match", "hit"),
    [
        ({"to": "+12125550100"}, True),
        ({"to": "+12125550101"}, False),
        ({"to_suffix": "100"}, True),
        ({"to_suffix": "101"}, False),
        ({"from": "+15005550006"}, True),
        ({"from": "+15005550007"}, False),
        ({"account": ACCOUNT}, True),
        ({"account": "AC" + "2" * 32}, False),
        ({"probability": 0}, False),
        ({"probability": 1}, True),
        ({"to_suffix": "100", "from": "+1"}, False),
    ],
)
def test_everything_in_a_match_must_hold(match: dict[str, Any], hit: bool) -> None:
    assert (book({"mode": "hang", "match": match}).fault(facts()) is not None) is hit


def test_nth_every_and_times_count_what_fits() -> None:
    assert strikes(book({"mode": "hang", "match": {"nth": 2}}), 4) == [False, True, False, False]
    assert strikes(book({"mode": "hang", "match": {"every": 2}}), 4) == [False, True, False, True]
    assert strikes(book({"mode": "hang", "times": 2}), 4) == [True, True, False, False]


def test_probability_is_seeded() -> None:
    rule = {"mode": "hang", "match": {"probability": 0.5}}
    first = strikes(book(rule), 100)
    assert first == strikes(book(rule), 100)
    assert 20 < sum(first) < 80


def test_a_call_takes_on_every_mode_that_fits_the_first_rule_of_each() -> None:
    rules = book(
        {"mode": "outcome", "params": {"outcome": "busy"}, "match": {"to_suffix": "100"}},
        {"mode": "outcome", "params": {"outcome": "failed"}},
        {"mode": "callback_lost"},
        {"mode": "http_500"},
    )
    assert rules.behaviour(facts()) == {"outcome": {"outcome": "busy"}, "callback_lost": {}}
    assert rules.behaviour(facts("+1"))["outcome"] == {"outcome": "failed"}


def test_a_rule_of_the_same_id_is_replaced_and_one_can_be_removed() -> None:
    rules = book({"id": "a", "mode": "hang"}, {"id": "a", "mode": "bad_201"}, {"mode": "two_sids"})
    assert [rule.mode for rule in rules.all()] == ["bad_201", "two_sids"]
    assert rules.remove("a") == 1
    assert rules.remove() == 1
    assert rules.all() == []


@pytest.mark.parametrize(
    "rule",
    [
        {"mode": "nonsense"},
        {"mode": "hang", "params": {"seconds": 1}},
        {"mode": "error"},
        {"mode": "response_delay", "params": {"seconds": "soon"}},
        {"mode": "response_delay", "params": {"seconds": -1}},
        {"mode": "outcome", "params": {"outcome": "eaten"}},
        {"mode": "callback_lost", "params": {"events": ["end"]}},
        {"mode": "hang", "match": {"two": "+1"}},
        {"mode": "hang", "times": 0},
        {"mode": "hang", "match": {"probability": 2}},
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(rule: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Rule.model_validate(rule)


def test_an_error_is_named_by_its_code() -> None:
    assert error_code("geo_21215", {}) == 21215
    assert error_code("concurrency_10004", {}) == 10004
    assert error_code("error", {"code": 573002}) == 573002
    assert error_code("hang", {}) is None


def test_errors_of_the_front_say_whether_the_create_was_carried_out() -> None:
    before, after, told = (
        http_error("http_502_before_accept", {"html": True}),
        http_error("http_500_after_accept", {}),
        http_error("http_503", {"when": "before"}),
    )
    assert before is not None
    assert (before.status, before.accepted, before.html) == (502, False, True)
    assert after is not None
    assert (after.status, after.accepted, after.html) == (500, True, False)
    assert told is not None
    assert not told.accepted
