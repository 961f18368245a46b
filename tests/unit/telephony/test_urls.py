"""The two addresses of a create."""

from __future__ import annotations

from uuid import UUID

import pytest

from shared.telephony.urls import status_url, voice_url

TOKEN = UUID("0189f7a0-0000-7000-8000-000000000001")


@pytest.mark.parametrize("base", ["https://ours.example/in", "https://ours.example/in/"])
def test_the_token_is_the_last_step_and_the_fragment_asks_for_retries(base: str) -> None:
    assert status_url(base, TOKEN) == f"https://ours.example/in/webhooks/twilio/status/{TOKEN}#rc=5&rp=all"
    assert voice_url(base, str(TOKEN)) == f"https://ours.example/in/webhooks/twilio/voice/{TOKEN}#rc=5&rp=all"


def test_without_retries_there_is_no_fragment() -> None:
    assert status_url("http://127.0.0.1:8001", TOKEN, with_retries=False).endswith(f"/status/{TOKEN}")
    assert voice_url("http://127.0.0.1:8001", TOKEN, with_retries=False).endswith(f"/voice/{TOKEN}")
