"""Which credentials a call is dialled with."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from pydantic import SecretStr

from shared.errors import SecretUnreadable
from shared.purse import Purse
from shared.sealing import Sealer
from shared.settings import Settings

KEY, SHARED, OWN = "a key of thirty-two random letters", f"AC{'1' * 32}", f"AC{'2' * 32}"


@dataclass(frozen=True)
class Account:
    account_sid: str
    account_is_shared: bool
    auth_token_sealed: bytes | None = None


def accounts(key: str | None = KEY, *, shared: bool = True) -> Purse:
    values = {
        "database_url": "postgresql://localhost/ringfence",
        "amqp_url": "amqp://localhost",
        "webhook_public_url": "https://ours.example",
        "secrets_key": key,
    }
    if shared:
        values |= {"twilio_account_sid": SHARED, "twilio_auth_token": "the shared token"}
    settings = Settings.model_validate(values)
    return Purse(settings)


def sealed(token: str = "own token", *, key: str = KEY, account: str = OWN) -> bytes:
    return Sealer(SecretStr(key)).seal(SecretStr(token), account)


def test_the_shared_account_comes_from_the_settings() -> None:
    found = accounts().credentials(Account(SHARED, account_is_shared=True))
    assert (found.account_sid, found.auth_token.get_secret_value()) == (SHARED, "the shared token")


def test_an_account_of_ones_own_is_opened_with_our_key() -> None:
    found = accounts().credentials(Account(OWN, account_is_shared=False, auth_token_sealed=sealed()))
    assert (found.account_sid, found.auth_token.get_secret_value()) == (OWN, "own token")


def test_a_token_that_was_changed_is_opened_anew() -> None:
    known = accounts()
    for token in ("first", "second"):
        found = known.credentials(Account(OWN, account_is_shared=False, auth_token_sealed=sealed(token)))
        assert found.auth_token.get_secret_value() == token


@pytest.mark.parametrize(
    ("known", "account"),
    [
        (accounts(), Account(OWN, account_is_shared=True)),
        (accounts(shared=False), Account(SHARED, account_is_shared=True)),
        (accounts(), Account(OWN, account_is_shared=False)),
        (accounts(None), Account(OWN, account_is_shared=False, auth_token_sealed=sealed())),
        (accounts(), Account(OWN, account_is_shared=False, auth_token_sealed=sealed(key="another key"))),
        (accounts(), Account(OWN, account_is_shared=False, auth_token_sealed=sealed(account=SHARED))),
        (accounts(), Account(OWN, account_is_shared=False, auth_token_sealed=b"rubbish")),
    ],
    ids=["another shared account", "no shared account", "no token", "no key", "another key", "another's", "rubbish"],
)
def test_what_cannot_be_opened_is_refused_without_a_word_of_it(known: Purse, account: Account) -> None:
    with pytest.raises(SecretUnreadable) as refused:
        known.credentials(account)
    assert "own token" not in str(refused.value)
