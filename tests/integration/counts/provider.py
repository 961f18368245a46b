"""A provider that the test plays itself: it answers creates, and tells of a call's life only when it is asked to."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlencode

import aiohttp
from aiohttp import web

from simulator.signature import sign

EVENTS = ("ringing", "in-progress", "completed")
PATIENCE = 120.0


@dataclass(frozen=True)
class Created:
    """A call that was asked for: its sid, and where its callbacks go."""

    sid: str
    status_url: str
    voice_url: str


@dataclass
class Provider:
    """Requests as they came, and the calls that nobody has told of yet."""

    account: str
    auth_token: str
    url: str = ""
    requests: list[str] = field(default_factory=list)
    calls: asyncio.Queue[Created] = field(default_factory=asyncio.Queue)

    async def next_call(self) -> Created:
        """The next call that is asked for."""
        return await asyncio.wait_for(self.calls.get(), PATIENCE)

    async def tell_life(self, call: Created) -> int:
        """Let it begin, ring, be answered, hear its TwiML and end: one request after the other; how many."""
        async with aiohttp.ClientSession() as session:
            for sequence, status in enumerate(EVENTS):
                await self._post(session, call, call.status_url, status, sequence, 204)
                if status == "in-progress":
                    await self._post(session, call, call.voice_url, status, sequence, 200)
        return len(EVENTS) + 1

    async def _post(
        self, session: aiohttp.ClientSession, call: Created, url: str, status: str, sequence: int, wanted: int
    ) -> None:
        fields = [("CallSid", call.sid), ("AccountSid", self.account), ("CallStatus", status),
                  ("SequenceNumber", str(sequence))]  # fmt: skip
        headers = {
            "X-Twilio-Signature": sign(self.auth_token, url, fields),
            "Content-Type": "application/x-www-form-urlencoded",
        }
        async with session.post(url, data=urlencode(fields), headers=headers) as answer:
            assert answer.status == wanted, await answer.text()

    async def _create(self, request: web.Request) -> web.Response:
        self.requests.append(f"{request.method} {request.path.rpartition('/')[2]}")
        form = await request.post()
        status_url, voice_url = (str(form[name]).partition("#")[0] for name in ("StatusCallback", "Url"))
        call = Created("CA" + secrets.token_hex(16), status_url, voice_url)
        self.calls.put_nowait(call)
        return web.json_response({"sid": call.sid, "status": "queued", "queue_time": "0"}, status=201)

    async def _unknown(self, request: web.Request) -> web.Response:
        self.requests.append(f"{request.method} {request.path}")
        return web.json_response({"code": 20404}, status=404)


@asynccontextmanager
async def provider_on(port: int, account: str, auth_token: str) -> AsyncIterator[Provider]:
    """A provider that listens on loopback."""
    provider = Provider(account, auth_token, f"http://127.0.0.1:{port}")
    app = web.Application()
    app.add_routes([web.post("/2010-04-01/Accounts/{account}/Calls.json", provider._create)])
    app.add_routes([web.route("*", "/{anything:.*}", provider._unknown)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield provider
    finally:
        await runner.cleanup()
