"""No fault of a run may lead to a second ring by itself, so that one is always a finding."""

from __future__ import annotations

import pytest

from chaos import deaths, storms
from chaos.plan import ABSENT_AT, FREEZE_LIMIT, LATE_LIMIT, LINK_LIMIT, SETTINGS, TIMES, TOO_LATE, Plan
from chaos.provider import rules
from simulator.rules import Rule

DRAWS = 2000


def test_all_delays_of_a_create_together_end_before_anybody_is_given_up() -> None:
    assert FREEZE_LIMIT + LINK_LIMIT + LATE_LIMIT < ABSENT_AT
    assert FREEZE_LIMIT + LINK_LIMIT < TOO_LATE


def test_a_long_freeze_of_a_dispatcher_outlasts_lease_and_deadlines_but_not_the_limit() -> None:
    chance = Plan(1, 1).chance("test")
    blows = [deaths.draw(chance, dials=True) for _ in range(DRAWS)]
    long = [blow.frozen for blow in blows if blow.deed in ("long_freeze", "freeze_and_kill")]
    outlasted = max(float(SETTINGS["LEASE_SECONDS"]), float(TIMES["SEND_WITHIN"]) + float(TIMES["DIAL_TIMEOUT"]))
    assert outlasted < min(long)
    assert max(blow.frozen for blow in blows) <= FREEZE_LIMIT
    assert {blow.deed for blow in blows} == set(deaths.DEEDS)


def test_a_link_to_the_provider_keeps_no_byte_past_its_limit() -> None:
    """A byte may be slowed first and held afterwards."""
    chance = Plan(1, 1).chance("test")
    drawn = [storms.draw(chance, to_provider=True) for _ in range(DRAWS)]
    held = max(span for weather, span in drawn if weather.kind == "hold")
    slowed = max(weather.seconds + weather.jitter for weather, _ in drawn if weather.kind == "delay")
    assert held + slowed <= LINK_LIMIT
    assert {weather.kind for weather, _ in drawn} == set(storms.KINDS)


def test_the_provider_is_late_by_no_more_than_its_limit() -> None:
    seconds = {rule["mode"]: rule["params"] for rule in rules()}
    assert seconds["create_late"]["seconds"] <= LATE_LIMIT
    assert seconds["rest_stale"]["lag"] <= LATE_LIMIT


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["mode"])
def test_the_simulator_knows_every_rule(rule: dict[str, object]) -> None:
    assert Rule.model_validate(rule).struck == 0


def test_a_player_throws_the_same_dice_whenever_the_others_throw() -> None:
    plan = Plan(7, 1)
    first, again, other = (plan.chance(name) for name in ("link", "link", "death"))
    other.random()
    assert [first.random() for _ in range(5)] == [again.random() for _ in range(5)]
    assert Plan(8, 1).chance("link").random() != plan.chance("link").random()
