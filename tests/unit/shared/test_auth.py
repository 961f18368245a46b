"""Bearer tokens: who gets in, and everything that must not."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import jwt
import pytest
from pydantic import SecretStr

from shared.auth import Principal, Role, TokenVerifier, mint_token
from shared.errors import Unauthorized
from shared.settings import Settings

SECRET = "a secret for tests that is long enough to be good"
PREVIOUS = "the secret of last month, also good and long enough"


def verifier(**more: Any) -> TokenVerifier:
    known: dict[str, Any] = {
        "database_url": SecretStr("postgresql://db/ringfence"),
        "amqp_url": SecretStr("amqp://mq"),
        "webhook_public_url": "https://calls.example.com",
        "jwt_secret": SecretStr(SECRET),
    }
    return TokenVerifier(Settings(_env_file=None, **(known | more)))


def claims(**changed: Any) -> dict[str, Any]:
    base = {"sub": "dana", "role": "operator", "business_id": 7, "exp": time.time() + 60}
    return {name: value for name, value in (base | changed).items() if value is not ...}


def signed(secret: str = SECRET, algorithm: str = "HS256", **changed: Any) -> str:
    return jwt.encode(claims(**changed), secret, algorithm=algorithm)


def unsigned_parts(header: dict[str, Any], body: dict[str, Any]) -> str:
    return ".".join(
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (header, body)
    )


async def test_a_good_token_names_subject_role_and_business() -> None:
    assert await verifier().verify(signed()) == Principal("dana", Role.OPERATOR, 7)


async def test_a_subject_of_digits_stays_text() -> None:
    assert (await verifier().verify(signed(sub="0042"))).subject == "0042"


async def test_the_previous_secret_is_accepted_during_a_rotation_and_refused_after_it() -> None:
    token = signed(PREVIOUS)
    assert (await verifier(jwt_secret_previous=SecretStr(PREVIOUS)).verify(token)).business_id == 7
    with pytest.raises(Unauthorized):
        await verifier().verify(token)


async def test_a_platform_admin_has_no_business_whatever_the_token_says() -> None:
    for business in (..., 7, "x"):
        token = signed(role="platform_admin", business_id=business)
        assert await verifier().verify(token) == Principal("dana", Role.PLATFORM_ADMIN, None)


@pytest.mark.parametrize(
    "changed",
    [
        {"exp": ...},
        {"exp": None},
        {"exp": "tomorrow"},
        {"exp": str(10**10)},
        {"exp": True},
        {"exp": [10**10]},
        {"sub": ...},
        {"sub": 42},
        {"sub": None},
        {"sub": ""},
        {"sub": "a\x00b"},
        {"sub": "\ud800"},
        {"sub": "x" * 501},
        {"role": ...},
        {"role": None},
        {"role": "root"},
        {"role": "Operator"},
        {"role": ["operator"]},
        {"business_id": ...},
        {"business_id": None},
        {"business_id": "7"},
        {"business_id": 7.0},
        {"business_id": True},
        {"business_id": 0},
        {"business_id": -7},
        {"business_id": 2**63},
        {"business_id": [7]},
    ],
)
async def test_a_missing_or_odd_claim_is_unauthorized(changed: dict[str, Any]) -> None:
    with pytest.raises(Unauthorized):
        await verifier().verify(signed(**changed))


async def test_a_token_ends_when_it_says() -> None:
    for ended in (time.time() - 3600, time.time() - 0.5, 0, -1):
        with pytest.raises(Unauthorized):
            await verifier().verify(signed(exp=ended))


async def test_a_token_is_not_valid_before_its_time_but_clocks_may_differ_a_little() -> None:
    with pytest.raises(Unauthorized):
        await verifier().verify(signed(nbf=time.time() + 60))
    assert await verifier().verify(signed(nbf=time.time() + 2))


async def test_an_audience_and_an_issuer_are_nobodys_business_here() -> None:
    assert await verifier().verify(signed(aud="somebody", iss="https://id.example.com"))


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
async def test_another_algorithm_is_refused_even_with_the_right_secret(algorithm: str) -> None:
    padded = SECRET * 2
    with pytest.raises(Unauthorized):
        await verifier(jwt_secret=SecretStr(padded)).verify(signed(padded, algorithm))


@pytest.mark.parametrize("name", ["none", "None", "NONE", ""])
async def test_an_unsigned_token_is_refused(name: str) -> None:
    parts = unsigned_parts({"alg": name, "typ": "JWT"}, claims())
    for token in (f"{parts}.", parts, f"{parts}.AAAA"):
        with pytest.raises(Unauthorized):
            await verifier().verify(token)


async def test_a_token_signed_with_another_secret_is_refused() -> None:
    with pytest.raises(Unauthorized):
        await verifier().verify(signed("some other secret that is also long enough"))


@pytest.mark.parametrize(
    "token",
    ["", ".", "..", "a.b.c", "ey", "Bearer", "é" * 10, "\x00", "x" * 100_000, "eyJhbGciOiJIUzI1NiJ9..", "👻.👻.👻"],
)
async def test_garbage_is_unauthorized(token: str) -> None:
    with pytest.raises(Unauthorized):
        await verifier().verify(token)


async def test_deeply_nested_claims_are_unauthorized_and_no_crash() -> None:
    deep = base64.urlsafe_b64encode(b"[" * 5000).rstrip(b"=").decode()
    with pytest.raises(Unauthorized):
        await verifier().verify(f"{deep}.{deep}.AAAA")


async def test_a_changed_body_is_refused() -> None:
    head, _, tail = signed().split(".")
    body = unsigned_parts(claims(), claims(role="admin")).split(".")[1]
    with pytest.raises(Unauthorized):
        await verifier().verify(f"{head}.{body}.{tail}")


def test_each_role_may_do_what_the_ones_before_it_may() -> None:
    order = [Role.VIEWER, Role.OPERATOR, Role.ADMIN, Role.PLATFORM_ADMIN]
    for has_at, has in enumerate(order):
        assert [has.allows(needed) for needed in order] == [needed_at <= has_at for needed_at in range(4)]


async def test_a_minted_token_is_accepted_for_its_time() -> None:
    token = mint_token(SECRET, "dana", Role.ADMIN, 3, ttl=60)
    assert await verifier().verify(token) == Principal("dana", Role.ADMIN, 3)
    with pytest.raises(Unauthorized):
        await verifier().verify(mint_token(SECRET, "dana", Role.ADMIN, 3, ttl=-1))


@pytest.mark.parametrize(("role", "business_id"), [(Role.PLATFORM_ADMIN, 1), (Role.VIEWER, None)])
def test_a_token_whose_role_and_business_disagree_is_not_minted(role: Role, business_id: int | None) -> None:
    with pytest.raises(ValueError, match="platform_admin"):
        mint_token(SECRET, "dana", role, business_id, ttl=60)


async def test_a_short_secret_works_and_is_warned_about(capsys: pytest.CaptureFixture[str]) -> None:
    short = verifier(jwt_secret=SecretStr("short"))
    assert await short.verify(mint_token("short", "dana", Role.VIEWER, 3, ttl=60))
    assert "SHORT_JWT_SECRET" in capsys.readouterr().out
