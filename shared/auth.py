"""Who is asking: bearer tokens verified, and turned into a principal.

Rules: which algorithm verifies a token is fixed by the settings (HS256) or by the kind of key it names (RS256, ES256),
never by the token's own header; a token says when it ends, and ends then; whatever is odd about a token makes it bad,
with no word to its sender about why.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

import jwt
from jwt.types import Options
from jwt.warnings import InsecureKeyLengthWarning

from shared import logs
from shared.errors import Unauthorized
from shared.keys import KeySet, VerificationKey
from shared.settings import Settings

LEEWAY = 5.0
"""Seconds that clocks of two machines may differ when a token has only just become valid."""
LARGEST_ID = 2**63 - 1
LONGEST_TOKEN = 8_192
LONGEST_SUBJECT = 500
SHORTEST_GOOD_SECRET = 32
"""Bytes that a secret for HS256 should have (RFC 7518, 3.2)."""

log = logs.logger()


class Role(StrEnum):
    """What somebody may do; each role may do all that the ones before it may."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"
    PLATFORM_ADMIN = "platform_admin"

    def allows(self, needed: Role) -> bool:
        """Return whether this role may do what `needed` may."""
        order = list(Role)
        return order.index(self) >= order.index(needed)


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody whose token was verified; `business_id` is None for a platform_admin and for nobody else."""

    subject: str
    role: Role
    business_id: int | None


class TokenVerifier:
    """Verifies bearer tokens with the secret or the key set of the settings."""

    def __init__(self, settings: Settings) -> None:
        secrets = (settings.jwt_secret, settings.jwt_secret_previous)
        self._secrets = [VerificationKey("HS256", secret.get_secret_value()) for secret in secrets if secret]
        self._warn_of_short_secrets()
        self._keys = KeySet(settings.jwt_jwks_url) if settings.jwt_jwks_url else None

    def _warn_of_short_secrets(self) -> None:
        if any(len(str(key.key).encode()) < SHORTEST_GOOD_SECRET for key in self._secrets):
            log.warning("SHORT_JWT_SECRET", reason=f"JWT_SECRET should have {SHORTEST_GOOD_SECRET} bytes or more")

    async def verify(self, token: str) -> Principal:
        """Return whose token this is.

        Raises Unauthorized for a bad one, KeysAway when the key set could not be read even once.
        """
        if len(token) > LONGEST_TOKEN:
            raise Unauthorized
        try:
            keys = await self._candidates(token)
            return _principal(_verified_claims(token, keys))
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:
            raise Unauthorized from error

    async def _candidates(self, token: str) -> Sequence[VerificationKey]:
        if self._keys is None:
            return self._secrets
        return await self._keys.candidates(jwt.get_unverified_header(token).get("kid"))

    async def close(self) -> None:
        """Close what the key set's reading holds open."""
        if self._keys is not None:
            await self._keys.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def _verified_claims(token: str, keys: Sequence[VerificationKey]) -> dict[str, Any]:
    for key in keys:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", InsecureKeyLengthWarning)
                return jwt.decode(token, key.key, algorithms=[key.algorithm], options=_checks(key), leeway=LEEWAY)
        except (jwt.InvalidSignatureError, jwt.InvalidAlgorithmError):
            continue
    raise Unauthorized


def _checks(key: VerificationKey) -> Options:
    return {
        "require": ["exp", "sub"],
        "verify_aud": False,
        "verify_iss": False,
        "enforce_minimum_key_length": key.algorithm != "HS256",
    }


def _principal(claims: dict[str, Any]) -> Principal:
    expires = claims["exp"]
    if not _is_number(expires) or expires <= time.time():
        raise Unauthorized
    subject = claims["sub"]
    if not subject or len(subject) > LONGEST_SUBJECT or "\x00" in subject:
        raise Unauthorized
    subject.encode()  # a lone surrogate is no text that a database would keep
    role = Role(str(claims.get("role")))
    if role is Role.PLATFORM_ADMIN:
        return Principal(subject, role, None)
    business_id = claims.get("business_id")
    if type(business_id) is not int or not 0 < business_id <= LARGEST_ID:
        raise Unauthorized
    return Principal(subject, role, business_id)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def mint_token(secret: str, sub: str, role: Role, business_id: int | None, ttl: float) -> str:
    """Return a token signed with HS256 that is valid for `ttl` seconds.

    Raises ValueError when the role and the business do not go together: everybody but a platform_admin has one.
    """
    if (business_id is None) != (role is Role.PLATFORM_ADMIN):
        raise ValueError("a platform_admin has no business, everybody else has one")
    now = int(time.time())
    claims: dict[str, Any] = {"sub": sub, "role": role.value, "iat": now, "exp": now + math.ceil(ttl)}
    if business_id is not None:
        claims["business_id"] = business_id
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InsecureKeyLengthWarning)
        return jwt.encode(claims, secret, algorithm="HS256")
