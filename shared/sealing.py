"""Seals businesses' auth tokens for the database.

Rules: AES-256-GCM with a fresh nonce; the account's sid is bound in, so a sealed token moved to another account does
not open. A sealed token is: format (1 byte), key name (4 bytes), nonce (12 bytes), ciphertext. The key is derived with
HKDF, which does not stretch: SECRETS_KEY must be random, not a word.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Protocol, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import SecretStr

from shared.errors import SecretUnreadable

_FORMAT = b"\x01"
_NAME_LENGTH = 4
_NONCE_LENGTH = 12


class Keys(Protocol):
    """The settings that name the keys."""

    @property
    def secrets_key(self) -> SecretStr | None: ...

    @property
    def secrets_key_previous(self) -> SecretStr | None: ...


@dataclass(frozen=True)
class _Key:
    name: bytes
    cipher: AESGCM


class Sealer:
    """Seals with one key; opens also what was sealed with the one before it, where that is given."""

    @classmethod
    def of(cls, keys: Keys) -> Self | None:
        """The sealer of these settings; None where no secret can be kept."""
        return None if keys.secrets_key is None else cls(keys.secrets_key, keys.secrets_key_previous)

    def __init__(self, secrets_key: SecretStr, previous: SecretStr | None = None) -> None:
        self._key = _derived(secrets_key)
        self._known = {self._key.name: self._key}
        if previous is not None:
            older = _derived(previous)
            self._known.setdefault(older.name, older)

    def seal(self, secret: SecretStr, account_sid: str) -> bytes:
        """The secret, sealed for this account."""
        nonce = os.urandom(_NONCE_LENGTH)
        prefix = _FORMAT + self._key.name
        bound = prefix + account_sid.encode()
        return prefix + nonce + self._key.cipher.encrypt(nonce, secret.get_secret_value().encode(), bound)

    def is_newest(self, sealed: bytes) -> bool:
        """Whether this was sealed with the key that seals now."""
        return sealed.startswith(_FORMAT + self._key.name)

    def open(self, sealed: bytes, account_sid: str) -> SecretStr:
        """The secret sealed for this account. Raises SecretUnreadable."""
        prefix, rest = sealed[: 1 + _NAME_LENGTH], sealed[1 + _NAME_LENGTH :]
        key = self._known.get(prefix[1:]) if prefix[:1] == _FORMAT else None
        if key is None or len(rest) <= _NONCE_LENGTH:
            raise SecretUnreadable
        nonce, ciphertext = rest[:_NONCE_LENGTH], rest[_NONCE_LENGTH:]
        try:
            return SecretStr(key.cipher.decrypt(nonce, ciphertext, prefix + account_sid.encode()).decode())
        except (InvalidTag, UnicodeDecodeError):
            raise SecretUnreadable from None


def _derived(secret: SecretStr) -> _Key:
    if not secret.get_secret_value():
        raise ValueError("the key that seals secrets is empty")
    material = HKDF(algorithm=SHA256(), length=_NAME_LENGTH + 32, salt=None, info=b"ringfence auth tokens 1")
    derived = material.derive(secret.get_secret_value().encode())
    return _Key(derived[:_NAME_LENGTH], AESGCM(derived[_NAME_LENGTH:]))
