"""Which auth tokens may have signed a callback."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pydantic import SecretStr

from services.webhook.keys import KEPT, SigningKeys
from shared.errors import SecretUnreadable
from shared.sealing import Sealer
from shared.settings import Settings
from tests.unit.webhook.test_heard import found

KEY = SecretStr("a key that seals secrets")


def keys(**given: Any) -> SigningKeys:
    values: dict[str, Any] = {
        "database_url": "postgresql://x",
        "amqp_url": "amqp://x",
        "webhook_public_url": "https://x.example",
        "secrets_key": KEY,
        "twilio_account_sid": "AC" + "0" * 32,
        "twilio_auth_token": "now",
        "twilio_auth_token_previous": "before",
        "twilio_from_number": "+15005550006",
    }
    return SigningKeys(Settings(**(values | given)))


def own(secret: str, sid: str = "AC1") -> Any:
    sealed = Sealer(KEY).seal(SecretStr(secret), sid)
    return replace(found(), account_is_shared=False, account_sid=sid, auth_token_sealed=sealed)


def words(tokens: tuple[SecretStr, ...]) -> list[str]:
    return [token.get_secret_value() for token in tokens]


def test_the_shared_account_and_unknown_tokens_have_the_settings_tokens() -> None:
    assert words(keys().of(None)) == words(keys().of(found())) == ["now", "before"]
    assert words(keys(twilio_auth_token_previous=None).of(None)) == ["now"]


def test_without_a_shared_account_nothing_is_signed_by_it() -> None:
    none = dict.fromkeys(
        ("twilio_account_sid", "twilio_auth_token", "twilio_auth_token_previous", "twilio_from_number")
    )
    assert keys(**none).of(None) == ()


def test_an_own_account_has_its_own_token_alone_opened_once(monkeypatch: pytest.MonkeyPatch) -> None:
    signing, call = keys(), own("mine")
    opened: list[str] = []
    real = Sealer.open

    def watched(sealer: Sealer, sealed: bytes, account_sid: str) -> SecretStr:
        opened.append(account_sid)
        return real(sealer, sealed, account_sid)

    monkeypatch.setattr(Sealer, "open", watched)
    assert words(signing.of(call)) == words(signing.of(call)) == ["mine"]
    assert opened == ["AC1"]
    assert words(signing.of(own("newer"))) == ["newer"]


def test_a_token_sealed_for_another_account_or_by_another_key_does_not_open() -> None:
    moved = replace(own("mine", "AC1"), account_sid="AC2")
    for signing, call in ((keys(), moved), (keys(secrets_key="another"), own("x")), (keys(secrets_key=None), own("x"))):
        with pytest.raises(SecretUnreadable):
            signing.of(call)


def test_an_account_without_a_token_has_signed_nothing() -> None:
    assert keys().of(replace(own("x"), auth_token_sealed=None)) == ()


def test_opened_tokens_are_kept_within_bounds() -> None:
    signing = keys()
    for at in range(KEPT + 5):
        signing.of(own("x", f"AC{at}"))
    assert len(signing._opened) == KEPT
