"""What a service finds in its environment."""

import pytest

from stack.environment import base_environment, merged, new_secrets


def test_a_service_gets_no_setting_of_ours_by_accident(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a developer's own DATABASE_URL or Twilio account would reach a system under test."""
    for name in ("DATABASE_URL", "AMQP_URL", "TWILIO_AUTH_TOKEN", "JWT_SECRET_PREVIOUS"):
        monkeypatch.setenv(name, "ours")
    assert "ours" not in base_environment().values()


def test_later_settings_win_and_none_takes_one_away() -> None:
    assert merged({"A": "1", "B": "1", "C": "1"}, {"B": "2", "C": None}) == {"A": "1", "B": "2"}


def test_secrets_are_new_each_time() -> None:
    first, second = new_secrets(), new_secrets()
    shared = {name for name in first if first[name] == second[name]}
    assert shared == {"TWILIO_FROM_NUMBER"}
