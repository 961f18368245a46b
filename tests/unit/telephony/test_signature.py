"""The signature check agrees with Twilio's own validator, and is stricter where that one would fail."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from multidict import MultiDict
from pydantic import SecretStr
from twilio.request_validator import RequestValidator

from shared.telephony.signature import is_valid

# Published in Twilio's security documentation.
TOKEN = SecretStr("12345")
URL = "https://mycompany.com/myapp.php?foo=1&bar=2"
PAIRS = [
    ("CallSid", "CA1234567890ABCDE"),
    ("Caller", "+14158675309"),
    ("Digits", "1234"),
    ("From", "+14158675309"),
    ("To", "+18005551212"),
]
SIGNATURE = "RSOYDt4T1cUTdK1PDd93/VVr8B8="

names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)
pairs = st.lists(st.tuples(names, st.one_of(st.just(""), names)), max_size=8)
hosts = st.from_regex(r"[a-z][a-z0-9-]{0,10}(\.[a-z]{2,5}){0,2}", fullmatch=True)
ports = st.one_of(st.just(""), st.integers(1, 65535).map(lambda port: f":{port}"))
paths = st.from_regex(r"(/[a-zA-Z0-9._~%-]{0,8}){0,4}", fullmatch=True)
queries = st.from_regex(r"(\?[a-z]{1,4}=[a-zA-Z0-9%]{0,6}(&[a-z]{1,4}=[a-z]{0,3}){0,2})?", fullmatch=True)
urls = st.builds("{}://{}{}{}{}".format, st.sampled_from(("https", "http")), hosts, ports, paths, queries)
tokens = st.text(st.characters(codec="ascii", min_codepoint=33), min_size=1, max_size=40)


def sign(token: str, url: str, fields: list[tuple[str, str]]) -> str:
    return str(RequestValidator(token).compute_signature(url, MultiDict(fields)))


def test_the_published_vector_is_valid() -> None:
    assert is_valid(URL, PAIRS, SIGNATURE, [TOKEN])


@settings(deadline=None)
@given(urls, urls, pairs, pairs, tokens)
def test_it_agrees_with_twilios_validator(
    url: str, other: str, fields: list[tuple[str, str]], others: list[tuple[str, str]], token: str
) -> None:
    validator = RequestValidator(token)
    for signed_url, signed_fields in ((url, fields), (other, fields), (url, others)):
        signature = sign(token, signed_url, signed_fields)
        expected = validator.validate(url, MultiDict(fields), signature)
        assert is_valid(url, fields, signature, [SecretStr(token)]) is expected


@settings(deadline=None)
@given(urls, pairs, tokens, st.randoms())
def test_the_order_of_the_fields_does_not_matter(
    url: str, fields: list[tuple[str, str]], token: str, random: object
) -> None:
    signature = sign(token, url, fields)
    assert is_valid(url, reversed(fields), signature, [SecretStr(token)])


@pytest.mark.parametrize(
    ("checked", "signed"),
    [
        ("https://a.example/x", "https://a.example:443/x"),
        ("https://a.example:443/x", "https://a.example/x"),
        ("http://a.example/x", "http://a.example:80/x"),
        ("https://a.example:8443/x", "https://a.example/x"),
        ("https://a.example:8443/x", "https://a.example:8443/x"),
        ("https://a.example/x#rc=5&rp=all", "https://a.example/x"),
        ("https://[::1]:8443/x", "https://[::1]/x"),
        ("https://[::1]/x", "https://[::1]:443/x"),
    ],
)
def test_the_port_may_be_left_out_or_put_in_and_the_fragment_is_never_signed(checked: str, signed: str) -> None:
    assert is_valid(checked, PAIRS, sign("12345", signed, PAIRS), [TOKEN])


@pytest.mark.parametrize(
    "signed",
    [
        "http://a.example/x?y=1&z=2",
        "https://A.example/x?y=1&z=2",
        "https://a.example/x?z=2&y=1",
        "https://a.example/x",
        "https://a.example:444/x?y=1&z=2",
    ],
)
def test_another_url_is_not_valid(signed: str) -> None:
    assert not is_valid("https://a.example/x?y=1&z=2", PAIRS, sign("12345", signed, PAIRS), [TOKEN])


def test_an_empty_field_is_signed_like_any_other() -> None:
    with_empty = [*PAIRS, ("ToZip", "")]
    signature = sign("12345", URL, with_empty)
    assert is_valid(URL, with_empty, signature, [TOKEN])
    assert not is_valid(URL, PAIRS, signature, [TOKEN])


def test_a_repeated_name_is_signed_with_each_of_its_values_once() -> None:
    repeated = [("A", "2"), ("A", "1"), ("A", "2"), ("B", "")]
    assert is_valid(URL, repeated, sign("12345", URL, repeated), [TOKEN])


@pytest.mark.parametrize("signature", [None, "", "x", "RSOYDt4T1cUTdK1PDd93/VVr8B8", "é", "\udcff", SIGNATURE.lower()])
def test_a_signature_that_is_missing_or_wrong_is_not_valid(signature: str | None) -> None:
    assert not is_valid(URL, PAIRS, signature, [TOKEN])


def test_any_of_the_tokens_may_have_signed_and_none_may_be_missing() -> None:
    assert is_valid(URL, PAIRS, SIGNATURE, [SecretStr("old"), TOKEN])
    assert not is_valid(URL, PAIRS, SIGNATURE, [SecretStr("old")])
    assert not is_valid(URL, PAIRS, SIGNATURE, [])


def test_an_empty_token_signs_nothing() -> None:
    """Anybody could compute that signature."""
    assert not is_valid(URL, PAIRS, sign("", URL, PAIRS), [SecretStr("")])


def test_fields_that_are_no_valid_text_are_refused_without_an_error() -> None:
    assert not is_valid(URL, [("a\udcff", "\ud800")], SIGNATURE, [TOKEN])
