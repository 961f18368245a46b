"""A simulator in this process, webhooks that remember what they were sent, and a plain client."""

import asyncio
import base64
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import aiohttp
from aiohttp import web

from simulator.settings import Settings

SID = "AC" + "a" * 32
TOKEN = "primary-token"
NUMBER = "+972501234567"
OTHER_SID = "AC" + "b" * 32
CHILD_SID = "AC" + "c" * 32
CHILD_NUMBER = "+12125550001"
TO = "+12125550123"
ACCOUNTS: list[dict[str, Any]] = [
    {"sid": OTHER_SID, "auth_tokens": ["other-token", "other-old-token"], "from_numbers": ["+12125550009"]},
    {
        "sid": CHILD_SID,
        "auth_tokens": ["child-token"],
        "from_numbers": [CHILD_NUMBER],
        "parent": SID,
        "api_keys": {"SK" + "d" * 32: "key-secret"},
    },
]
QUICK = {"initiated": (0, 0), "post_dial": (0.1, 0.2), "ring": (0.2, 0.4), "talk": (0.5, 1.0)}
PATIENCE = 90.0
T = TypeVar("T")


def settings(**changes: Any) -> Settings:
    """Settings of a quick simulator: every call is answered and over within a few hundredths of a second."""
    values: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": 0,
        "account_sid": SID,
        "auth_token": TOKEN,
        "from_number": NUMBER,
        "accounts": ACCOUNTS,
        "seed": 1,
        "time_scale": 20,
        "cps": 10_000,
        "outcomes": {"answered": 1, "busy": 0, "no_answer": 0, "failed": 0},
        "timings": QUICK,
    }
    return Settings(_env_file=None, **(values | changes))


@dataclass(frozen=True, slots=True)
class Received:
    """One request that reached the webhooks."""

    method: str
    path: str
    url: str
    headers: dict[str, str]
    fields: dict[str, str]


@dataclass(slots=True)
class Webhooks:
    """A server for status callbacks and TwiML; `answer` decides what it says."""

    url: str = ""
    received: list[Received] = field(default_factory=list)
    answer: Callable[[Received], Awaitable[web.Response]] | None = None

    async def handle(self, request: web.Request) -> web.Response:
        given = await request.post() if request.method == "POST" else request.query
        fields = {name: str(value) for name, value in given.items()}
        url = f"{self.url}{request.raw_path}"
        got = Received(request.method, request.path, url, dict(request.headers), fields)
        self.received.append(got)
        if self.answer is not None:
            return await self.answer(got)
        if request.path.startswith("/voice"):
            return web.Response(text="<Response><Say>hello</Say></Response>", content_type="text/xml")
        return web.Response(status=204)

    def statuses(self, token: str = "t") -> list[str]:
        return [one.fields["CallStatus"] for one in self.received if one.path == f"/status/{token}"]

    def form(self, token: str = "t", **changes: str | list[str]) -> dict[str, str | list[str]]:
        """A good create with every event subscribed; it rings for as long as Twilio lets it."""
        return {
            "To": TO,
            "From": NUMBER,
            "Url": f"{self.url}/voice/{token}",
            "StatusCallback": f"{self.url}/status/{token}",
            "StatusCallbackEvent": ["initiated", "ringing", "answered", "completed"],
            "Timeout": "600",
            **changes,
        }


@dataclass(slots=True)
class Client:
    """A client of the REST and control APIs."""

    base: str
    http: aiohttp.ClientSession
    sid: str = SID
    user: str = SID
    password: str = TOKEN

    async def rest(self, method: str, path: str, **options: Any) -> tuple[int, Any]:
        """Status and JSON of a request below the account."""
        response = await self.raw(method, path, **options)
        return response.status, await response.json() if response.content_length else None

    async def raw(self, method: str, path: str, **options: Any) -> aiohttp.ClientResponse:
        secret = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        if isinstance(options.get("data"), dict):
            options["data"] = pairs(options["data"])
        response = await self.http.request(
            method,
            f"{self.base}/2010-04-01/Accounts/{self.sid}{path}",
            headers={"Authorization": f"Basic {secret}"},
            **options,
        )
        await response.read()
        return response

    async def create(self, form: dict[str, str | list[str]]) -> tuple[int, Any]:
        return await self.rest("POST", "/Calls.json", data=form)

    async def sim(self, method: str, path: str, content: Any = None) -> Any:
        """JSON of a request to the control API, which must succeed."""
        async with self.http.request(method, f"{self.base}/sim{path}", json=content) as response:
            assert response.status < 300, await response.text()
            return await response.json()

    async def rule(self, mode: str, **rest: Any) -> None:
        await self.sim("POST", "/rules", {"mode": mode, **rest})

    async def entries(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self.sim("GET", "/ledger"))["entries"]
        return found

    async def ended(self, count: int = 1) -> list[dict[str, Any]]:
        """The ledger, once so many calls are over and nothing is on its way."""

        async def over() -> list[dict[str, Any]] | None:
            entries = await self.entries()
            return entries if sum(entry["outcome"] is not None for entry in entries) >= count else None

        return await eventually(over)


def pairs(form: dict[str, str | list[str]]) -> list[tuple[str, str]]:
    return [(name, one) for name, value in form.items() for one in (value if isinstance(value, list) else [value])]


async def eventually(look: Callable[[], Awaitable[T | None]]) -> T:
    """What `look` finds, asked until it finds something; fails after PATIENCE."""
    async with asyncio.timeout(PATIENCE):
        while True:
            found = await look()
            if found:
                return found
            await asyncio.sleep(0.01)


async def until(holds: Callable[[], object]) -> None:
    """Return when something holds; fails after PATIENCE."""

    async def look() -> object:
        return holds()

    await eventually(look)
