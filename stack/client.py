"""Somebody who uses the API: a bearer token and plain requests."""

import time
from dataclasses import dataclass
from typing import Any

import aiohttp
import jwt

from stack.errors import StackError

TIMEOUT = aiohttp.ClientTimeout(total=60)
TOKEN_SECONDS = 24 * 3600
PAGE = 1000


@dataclass(frozen=True)
class Answer:
    """What the API said: its status, its body (parsed where it is JSON) and its headers."""

    status: int
    body: Any
    headers: dict[str, str]


def mint_token(secret: str, role: str, business_id: int | None = None, *, sub: str = "stack") -> str:
    """A token as the API takes it (HS256), good for a day."""
    claims: dict[str, object] = {"sub": sub, "role": role, "exp": int(time.time()) + TOKEN_SECONDS}
    if business_id is not None:
        claims["business_id"] = business_id
    return jwt.encode(claims, secret, algorithm="HS256")


class Client:
    """Requests to one API with one token. What is named for a wish raises StackError unless it was granted."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        self._headers = {"Authorization": f"Bearer {token}"}

    async def request(self, method: str, path: str, **options: Any) -> Answer:
        """Any request, any answer; `options` are aiohttp's (json, params, data, headers)."""
        headers = {**self._headers, **options.pop("headers", {})}
        async with (
            aiohttp.ClientSession(timeout=TIMEOUT) as session,
            session.request(method, self.url + path, headers=headers, **options) as answer,
        ):
            json = answer.content_type.endswith("json")
            body = await answer.json() if json else await answer.text()
            return Answer(answer.status, body, dict(answer.headers))

    async def create_business(self, name: str, **fields: Any) -> int:
        """A new business's id (needs a platform_admin)."""
        body = await self._granted("POST", "/api/businesses", json={"name": name, **fields})
        return int(body["id"])

    async def import_leads(self, content: bytes, filename: str = "leads.csv") -> dict[str, Any]:
        form = aiohttp.FormData()
        form.add_field("file", content, filename=filename, content_type="text/csv")
        return dict(await self._granted("POST", "/api/leads/import", data=form))

    async def add_leads(self, phones: list[str]) -> list[int]:
        """The ids of leads with these numbers, in their order."""
        body = await self._granted("POST", "/api/leads", json={"leads": [{"phone": phone} for phone in phones]})
        return [int(lead_id) for lead_id in body["lead_ids"]]

    async def leads(self) -> list[dict[str, Any]]:
        """Every lead of the business, page by page."""
        found: list[dict[str, Any]] = []
        after: dict[str, Any] = {}
        while True:
            page = await self._granted("GET", "/api/leads", params={"limit": PAGE, **after})
            found += page["items"]
            if page["next"] is None:
                return found
            after = {"after": page["next"]}

    async def start_run(self, lead_ids: list[int], **fields: Any) -> dict[str, Any]:
        body = {"lead_ids": lead_ids, **fields}
        return dict(await self._granted("POST", "/api/outbound_calls/start", json=body))

    async def run(self, run_id: int) -> dict[str, Any]:
        return dict(await self._granted("GET", f"/api/outbound/runs/{run_id}"))

    async def jobs(self, run_id: int) -> list[dict[str, Any]]:
        """Every job of a run, page by page."""
        found: list[dict[str, Any]] = []
        after: dict[str, Any] = {}
        while True:
            page = await self._granted("GET", f"/api/outbound/runs/{run_id}/jobs", params={"limit": PAGE, **after})
            found += page["items"]
            if page["next"] is None:
                return found
            after = {"after": page["next"]}

    async def _granted(self, method: str, path: str, **options: Any) -> Any:
        answer = await self.request(method, path, **options)
        if answer.status >= 400:
            raise StackError(f"the API answered {answer.status} to {method} {path}: {answer.body}")
        return answer.body
