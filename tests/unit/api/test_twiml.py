"""What may be said to somebody who is rung, and where it may be fetched from."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.api.twiml import LONGEST_TWIML, is_well_formed, url_refusal


@pytest.mark.parametrize(
    "twiml",
    [
        "<Response/>",
        '<?xml version="1.0" encoding="UTF-8"?><Response><Say voice="a">שלום &amp; hello</Say></Response>',
        '<?xml version="1.0" encoding="ISO-8859-1"?><Response><Say>é</Say></Response>',
        "<Response><![CDATA[<]]></Response>",
        "<Response>&#1513;</Response>",
    ],
)
def test_well_formed_documents_are_taken(twiml: str) -> None:
    assert is_well_formed(twiml)


@pytest.mark.parametrize(
    "twiml",
    [
        "",
        "hello",
        "<Response>",
        "<Response></response>",
        "<Response/><Response/>",
        "<Response>&nbsp;</Response>",
        "<Response a=1/>",
        "<Response>\x00</Response>",
        '<!DOCTYPE r SYSTEM "file:///etc/passwd"><r/>',
        '<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><r>&x;</r>',
        "<!DOCTYPE r><r/>",
    ],
)
def test_anything_else_and_every_document_type_is_refused(twiml: str) -> None:
    assert not is_well_formed(twiml)


def test_entities_that_multiply_are_refused_before_they_grow() -> None:
    levels = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 20))
    bomb = f'<!DOCTYPE r [<!ENTITY a0 "x">{levels}]><r>&a19;</r>'
    assert len(bomb) < LONGEST_TWIML
    began = time.process_time()
    assert not is_well_formed(bomb)
    assert time.process_time() - began < 1


@given(st.text(max_size=200))
def test_no_text_breaks_the_check(text: str) -> None:
    assert is_well_formed(text) in {True, False}


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com",
        "https://example.com:8443/a?b=c",
        "http://127.0.0.1:8000/t",
        "http://127.8.9.1/t",
        "http://localhost/t",
        "http://[::1]:80/t",
        "HTTPS://example.com/t",
    ],
)
def test_https_anywhere_and_http_to_this_machine_are_taken(url: str) -> None:
    assert url_refusal(url) is None


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://example.com/t", "field.url_not_https"),
        ("http://127.0.0.1.example.com/t", "field.url_not_https"),
        ("http://localhost.example.com/t", "field.url_not_https"),
        ("ftp://localhost/t", "field.url_not_https"),
        ("https://", "field.bad_url"),
        ("https:///path", "field.bad_url"),
        ("example.com", "field.bad_url"),
        ("https://exa mple.com", "field.bad_url"),
        ("https://example.com:99999/", "field.bad_url"),
        ("https://[::1", "field.bad_url"),
        ("https://example.com/\x00", "field.bad_url"),
        ("javascript:alert(1)", "field.bad_url"),
    ],
)
def test_other_addresses_are_refused_with_a_reason(url: str, reason: str) -> None:
    assert url_refusal(url) == reason


@given(st.text(max_size=200))
def test_no_text_breaks_the_check_of_addresses(text: str) -> None:
    assert url_refusal(text) in {None, "field.bad_url", "field.url_not_https"}
