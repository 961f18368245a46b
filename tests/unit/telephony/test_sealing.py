"""Auth tokens at rest."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from shared.errors import SecretUnreadable
from shared.sealing import Sealer

TOKEN = SecretStr("the-auth-token")
SEALER = Sealer(SecretStr("a key of any length"))


@settings(deadline=None)
@given(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8")))
def test_what_is_sealed_for_an_account_opens_for_it(token: str, account: str) -> None:
    assert SEALER.open(SEALER.seal(SecretStr(token), account), account) == SecretStr(token)


def test_a_seal_shows_nothing_and_is_never_the_same_twice() -> None:
    first, second = SEALER.seal(TOKEN, "AC1"), SEALER.seal(TOKEN, "AC1")
    assert first != second
    assert TOKEN.get_secret_value().encode() not in first


def test_another_process_with_the_same_key_opens_it() -> None:
    assert Sealer(SecretStr("a key of any length")).open(SEALER.seal(TOKEN, "AC1"), "AC1") == TOKEN


def test_a_token_moved_to_another_account_does_not_open() -> None:
    sealed = SEALER.seal(TOKEN, "AC1")
    with pytest.raises(SecretUnreadable):
        SEALER.open(sealed, "AC2")


def test_another_key_does_not_open_it_and_says_nothing_of_either() -> None:
    with pytest.raises(SecretUnreadable) as caught:
        Sealer(SecretStr("another key")).open(SEALER.seal(TOKEN, "AC1"), "AC1")
    assert "key of any length" not in f"{caught.value!r}{SEALER!r}{vars(SEALER)!r}"


@dataclass(frozen=True)
class Keys:
    secrets_key: SecretStr | None
    secrets_key_previous: SecretStr | None = None


def test_the_settings_name_the_key_that_seals_and_the_one_that_still_opens() -> None:
    old, new = SecretStr("a key of any length"), SecretStr("new")
    rotated, alone = Sealer.of(Keys(new, old)), Sealer.of(Keys(new))
    assert rotated is not None
    assert alone is not None
    assert rotated.open(SEALER.seal(TOKEN, "AC1"), "AC1") == TOKEN
    assert alone.open(rotated.seal(TOKEN, "AC1"), "AC1") == TOKEN
    assert [rotated.is_newest(sealer.seal(TOKEN, "AC1")) for sealer in (SEALER, alone)] == [False, True]
    assert Sealer.of(Keys(None)) is None


def test_an_older_key_opens_what_it_sealed_and_seals_no_more() -> None:
    rotated = Sealer(SecretStr("new"), SecretStr("a key of any length"))
    assert rotated.open(SEALER.seal(TOKEN, "AC1"), "AC1") == TOKEN
    with pytest.raises(SecretUnreadable):
        SEALER.open(rotated.seal(TOKEN, "AC1"), "AC1")


def test_no_changed_bit_and_no_cut_goes_unnoticed() -> None:
    sealed = SEALER.seal(TOKEN, "AC1")
    bent = [bytes([*sealed[:at], sealed[at] ^ 1, *sealed[at + 1 :]]) for at in range(len(sealed))]
    cut = [sealed[:length] for length in range(len(sealed))]
    for spoilt in (*bent, *cut, sealed + b"\x00"):
        with pytest.raises(SecretUnreadable):
            SEALER.open(spoilt, "AC1")


def test_an_empty_key_seals_nothing() -> None:
    with pytest.raises(ValueError, match="empty"):
        Sealer(SecretStr(""))
