"""The official SDK, pointed at the bench's provider: how each baseline starts a call."""

from __future__ import annotations

from typing import Any

from twilio.http.async_http_client import AsyncTwilioHttpClient
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client
from twilio.rest.api import Api

from bench.baselines.settings import Settings

TIMEOUT = 15
RING_SECONDS, TALK_SECONDS = 60, 600
TWIML = "<Response><Say>Hello</Say></Response>"


class Provider:
    """One process's client; its connections are kept open between calls."""

    def __init__(self, settings: Settings, *, asynchronous: bool = False) -> None:
        pooled = AsyncTwilioHttpClient if asynchronous else TwilioHttpClient
        http = pooled(pool_connections=True, timeout=TIMEOUT)
        self._settings = settings
        self._client = Client(settings.account_sid, settings.auth_token, http_client=http, environment={})
        api: Api = self._client.api  # imported above, for the SDK would do so at its first use in every forked process
        api.base_url = settings.provider_url

    def call(self, job_id: int, phone: str) -> str:
        """Ring this number; the call's sid. Raises what the SDK raises."""
        return str(self._client.calls.create(**self._request(job_id, phone)).sid)

    async def call_async(self, job_id: int, phone: str) -> str:
        """The same without blocking."""
        return str((await self._client.calls.create_async(**self._request(job_id, phone))).sid)

    def _request(self, job_id: int, phone: str) -> dict[str, Any]:
        return {
            "to": phone,
            "from_": self._settings.from_number,
            "twiml": TWIML,
            "status_callback": f"{self._settings.public_url}/status/{job_id}",
            "status_callback_event": ["completed"],
            "timeout": RING_SECONDS,
            "time_limit": TALK_SECONDS,
        }
