"""Tokens verified by a key set read over HTTP, with the key host well, rotating, slow, broken and away."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import jwt
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, RSAAlgorithm
from pydantic import SecretStr

from shared import keys
from shared.auth import TokenVerifier
from shared.errors import KeysAway, Unauthorized
from shared.settings import Settings

RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())


def rsa_entry(kid: str | None = "r1", key: rsa.RSAPrivateKey = RSA_KEY, **more: Any) -> dict[str, Any]:
    public: dict[str, Any] = json.loads(RSAAlgorithm.to_jwk(key.public_key()))
    return public | ({"kid": kid} if kid else {}) | more


def ec_entry(kid: str = "e1", key: ec.EllipticCurvePrivateKey = EC_KEY, **more: Any) -> dict[str, Any]:
    public: dict[str, Any] = json.loads(ECAlgorithm.to_jwk(key.public_key()))
    return public | {"kid": kid} | more


class KeyHost:
    """A key host on the loopback that counts its readers and can be told what to answer."""

    def __init__(self) -> None:
        self.entries: list[Any] = [rsa_entry(), ec_entry()]
        self.raw: bytes | None = None
        self.status = 200
        self.reads = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.asked = asyncio.Event()
        self.location = ""
        self.url = ""

    async def answer(self, _: web.Request) -> web.Response:
        self.reads += 1
        self.asked.set()
        if self.location:
            raise web.HTTPFound(self.location)
        await self.gate.wait()
        return web.Response(body=self.raw or json.dumps({"keys": self.entries}).encode(), status=self.status)


@pytest.fixture
async def host() -> AsyncIterator[KeyHost]:
    made = KeyHost()
    app = web.Application()
    app.router.add_get("/jwks", made.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/jwks"
    yield made
    await runner.cleanup()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    plain = keys.KeySet.__init__
    monkeypatch.setattr(keys.KeySet, "__init__", lambda self, url: plain(self, url, clock=lambda: now[0]))
    return now


@pytest.fixture
async def verifier(host: KeyHost, clock: list[float]) -> AsyncIterator[TokenVerifier]:
    async with TokenVerifier(
        Settings(
            _env_file=None,
            database_url=SecretStr("postgresql://db/ringfence"),
            amqp_url=SecretStr("amqp://mq"),
            webhook_public_url="https://calls.example.com",
            jwt_jwks_url=host.url,
        )
    ) as made:
        yield made


def token(key: Any = RSA_KEY, algorithm: str = "RS256", kid: str | None = "r1") -> str:
    claims = {"sub": "dana", "role": "viewer", "business_id": 7, "exp": time.time() + 60}
    return jwt.encode(claims, key, algorithm=algorithm, headers={"kid": kid} if kid else None)


async def refused(verifier: TokenVerifier, bad: str) -> None:
    with pytest.raises(Unauthorized):
        await verifier.verify(bad)


async def test_both_kinds_of_key_are_accepted_and_the_set_is_read_once(host: KeyHost, verifier: TokenVerifier) -> None:
    for _ in range(3):
        assert (await verifier.verify(token())).subject == "dana"
        assert (await verifier.verify(token(EC_KEY, "ES256", "e1"))).business_id == 7
    assert host.reads == 1


async def test_a_token_without_a_kid_is_tried_with_every_key(host: KeyHost, verifier: TokenVerifier) -> None:
    host.entries = [ec_entry(), rsa_entry("r0", OTHER_RSA_KEY), rsa_entry(None)]
    assert await verifier.verify(token(kid=None))
    assert await verifier.verify(token(EC_KEY, "ES256", None))
    await refused(verifier, token(rsa.generate_private_key(public_exponent=65537, key_size=2048), kid=None))


async def test_the_algorithm_follows_the_key_and_never_the_token(verifier: TokenVerifier) -> None:
    await refused(verifier, token(algorithm="RS512"))
    await refused(verifier, token(algorithm="PS256"))
    await refused(verifier, token(EC_KEY, "ES256", "r1"))
    await refused(verifier, token(RSA_KEY, "RS256", "e1"))


async def test_the_public_key_is_no_shared_secret(verifier: TokenVerifier) -> None:
    """Were it one, whoever reads the key set could sign tokens of his own."""
    pem = RSA_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    head = jwt.utils.base64url_encode(b'{"alg":"HS256","typ":"JWT","kid":"r1"}')
    body = token().split(".")[1].encode()
    for secret in (pem, pem.strip(), json.dumps(rsa_entry()).encode()):
        algorithm = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
        mac = jwt.utils.base64url_encode(algorithm.sign(head + b"." + body, secret))
        await refused(verifier, b".".join([head, body, mac]).decode())


async def test_unsigned_and_shared_secret_tokens_are_refused(host: KeyHost, verifier: TokenVerifier) -> None:
    secret = "a shared secret that stands in the key set, long enough"
    encoded = jwt.utils.base64url_encode(secret.encode()).decode()
    host.entries.append({"kty": "oct", "k": encoded, "kid": "o1", "alg": "HS256"})
    await refused(verifier, token(secret, "HS256", "o1"))
    await refused(verifier, token(secret, "HS256", None))
    await refused(verifier, token(None, "none", None))


async def test_keys_for_other_uses_and_broken_entries_are_passed_over(host: KeyHost, verifier: TokenVerifier) -> None:
    host.entries = [
        None,
        7,
        {},
        {"kty": ["RSA"]},
        rsa_entry("enc", OTHER_RSA_KEY, use="enc"),
        rsa_entry("wrap", OTHER_RSA_KEY, key_ops=["wrapKey"]),
        rsa_entry("ps", OTHER_RSA_KEY, alg="PS256"),
        rsa_entry("bad") | {"n": 5},
        ec_entry("bad2") | {"x": "AA"},
        rsa_entry(use="sig", alg="RS256", key_ops=["verify"]),
    ]
    assert await verifier.verify(token())
    for kid in ("enc", "wrap", "ps"):
        await refused(verifier, token(OTHER_RSA_KEY, kid=kid))


async def test_a_weak_key_is_not_good_enough(host: KeyHost, verifier: TokenVerifier) -> None:
    weak = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505
    host.entries = [rsa_entry("weak", weak)]
    with pytest.warns(jwt.warnings.InsecureKeyLengthWarning):
        signed = token(weak, kid="weak")
    await refused(verifier, signed)


async def test_a_private_key_in_the_set_is_used_as_the_public_one(host: KeyHost, verifier: TokenVerifier) -> None:
    host.entries = [json.loads(RSAAlgorithm.to_jwk(RSA_KEY)) | {"kid": "r1"} | {"key_ops": ["sign", "verify"]}]
    assert await verifier.verify(token())


async def test_an_unknown_kid_makes_the_set_be_read_again_at_once(host: KeyHost, verifier: TokenVerifier) -> None:
    assert await verifier.verify(token())
    await refused(verifier, token(kid="invented"))
    host.entries = [rsa_entry("r2", OTHER_RSA_KEY)]
    assert await verifier.verify(token(OTHER_RSA_KEY, kid="r2"))
    await refused(verifier, token())
    assert host.reads == keys.MOST_READINGS


async def test_invented_kids_do_not_hammer_the_key_host(
    host: KeyHost, verifier: TokenVerifier, clock: list[float]
) -> None:
    assert await verifier.verify(token())
    for at in range(50):
        await refused(verifier, token(kid=f"invented-{at}"))
    assert host.reads == keys.MOST_READINGS
    clock[0] += keys.WINDOW
    await asyncio.gather(*(refused(verifier, token(kid=f"more-{at}")) for at in range(50)))
    assert host.reads == keys.MOST_READINGS + 1


async def test_requests_that_wait_together_share_one_reading(host: KeyHost, verifier: TokenVerifier) -> None:
    host.gate.clear()
    waiting = [asyncio.create_task(verifier.verify(token())) for _ in range(20)]
    await asyncio.wait_for(host.asked.wait(), 60)
    waiting[0].cancel()
    host.gate.set()
    answers = await asyncio.gather(*waiting[1:])
    assert {answer.subject for answer in answers} == {"dana"}
    assert host.reads == 1


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"null", b'{"keys": 7}', b"<html>", b"\xff", b" " * 1_000_001])
async def test_known_keys_serve_on_while_the_host_answers_nonsense(
    host: KeyHost, verifier: TokenVerifier, clock: list[float], raw: bytes
) -> None:
    assert await verifier.verify(token())
    host.raw, host.status = (raw, 200) if raw else (None, 503)
    clock[0] += keys.FRESH_FOR + 1
    for _ in range(3):
        assert await verifier.verify(token())
        clock[0] += keys.WINDOW
        await refused(verifier, token(kid="unknown"))
    assert host.reads > 1


async def test_an_old_set_is_read_again_behind_the_answers_and_a_withdrawn_key_loses_its_power(
    host: KeyHost, verifier: TokenVerifier, clock: list[float]
) -> None:
    assert await verifier.verify(token())
    host.entries = [ec_entry()]
    clock[0] += keys.FRESH_FOR + 1
    host.gate.clear()
    assert await asyncio.wait_for(verifier.verify(token()), 60)
    host.gate.set()
    async with asyncio.timeout(60):
        while True:
            try:
                await verifier.verify(token())
            except Unauthorized:
                break
            await asyncio.sleep(0.01)
    assert host.reads == 3  # once because of its age, once more for the kid that is gone


async def test_no_token_can_be_judged_before_the_keys_were_read_and_all_is_well_after(
    host: KeyHost, verifier: TokenVerifier, clock: list[float]
) -> None:
    host.status = 500
    for _ in range(3):
        with pytest.raises(KeysAway):
            await verifier.verify(token())
    assert host.reads == 1
    host.status = 200
    clock[0] += keys.WINDOW
    assert await verifier.verify(token())


async def test_a_key_host_that_nobody_runs_is_away(unused_tcp_port: int) -> None:
    reader = keys.KeySet(f"http://127.0.0.1:{unused_tcp_port}/jwks")
    with pytest.raises(KeysAway):
        await reader.candidates("r1")
    await reader.close()


async def test_a_redirect_is_not_followed(host: KeyHost, verifier: TokenVerifier) -> None:
    host.location = f"{host.url}?elsewhere"
    with pytest.raises(KeysAway):
        await verifier.verify(token())
    assert host.reads == 1
