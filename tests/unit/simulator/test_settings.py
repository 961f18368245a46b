from typing import Any

import pytest
from pydantic import ValidationError

from simulator.settings import Settings

PRIMARY = {"account_sid": "AC" + "a" * 32, "auth_token": "t", "from_number": "+972501234567"}
SECOND = {"sid": "AC" + "b" * 32, "auth_tokens": ["new", "old"], "from_numbers": []}


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_FROM_NUMBER", "SIM_ACCOUNTS"):
        monkeypatch.delenv(name, raising=False)


def make(**values: Any) -> Settings:
    return Settings(_env_file=None, **values)


def test_the_primary_account_comes_before_the_others() -> None:
    accounts = make(**PRIMARY, accounts=[SECOND]).all_accounts()
    assert [account.sid[-1] for account in accounts] == ["a", "b"]
    assert accounts[0].from_numbers == ["+972501234567"]


def test_the_environment_is_read_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWILIO_ACCOUNT_SID", PRIMARY["account_sid"])
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "t")
    monkeypatch.setenv("SIM_RULES", '[{"mode": "callback_lost", "match": {"from": "+1"}}]')
    monkeypatch.setenv("SIM_OUTCOMES", '{"busy": 1, "answered": 0}')
    settings = Settings(_env_file=None)
    assert settings.rules[0].match.from_ == "+1"
    assert settings.outcomes.busy == 1


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"account_sid": PRIMARY["account_sid"]},
        {**PRIMARY, "account_sid": "AC1"},
        {**PRIMARY, "time_scale": 0},
        {**PRIMARY, "mode": "wild"},
        {**PRIMARY, "rules": [{"mode": "nonsense"}]},
        {**PRIMARY, "accounts": [SECOND, SECOND]},
        {**PRIMARY, "accounts": [{**SECOND, "parent": "AC" + "c" * 32}]},
        {**PRIMARY, "outcomes": dict.fromkeys(("answered", "machine", "busy", "no_answer", "failed"), 0)},
        {**PRIMARY, "timings": {"ring": [5, 1]}},
    ],
)
def test_settings_that_contradict_themselves_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        make(**values)
