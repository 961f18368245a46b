"""A provider that holds exactly the calls that a test puts there, and can be away."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

from aiohttp import web

from tests.integration.campaigns import FROM_NUMBER, new_sid

TERMINAL = {"completed", "busy", "failed", "no-answer", "canceled"}


@dataclass
class Provider:
    """`status` is what every request is answered with when it is not 200, of all accounts or of those named in `of`."""

    url: str = ""
    calls: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    hung_up: list[str] = field(default_factory=list)
    status: int = 200
    of: frozenset[str] = frozenset()
    pause: float = 0.0
    page_size: int = 50
    under_way: Counter[str] = field(default_factory=Counter)
    most_at_once: Counter[str] = field(default_factory=Counter)
    doubled: list[str] = field(default_factory=list)
    looking: Counter[str] = field(default_factory=Counter)

    def has(self, to: str, status: str = "in-progress", **more: Any) -> str:
        """Put a call there, and return its sid."""
        sid = str(more.pop("sid", None) or new_sid())
        made = format_datetime(more.pop("created", datetime.now(UTC)))
        self.calls[sid] = {
            "sid": sid,
            "to": to,
            "from": FROM_NUMBER,
            "status": status,
            "direction": "outbound-api",
            "date_created": made,
            **more,
        }
        return sid

    async def handle(self, request: web.Request) -> web.Response:
        account = request.match_info["account"]
        about = request.match_info.get("sid") or request.query.get("To", "")
        self.under_way[account] += 1
        self.looking[about] += 1
        self.most_at_once[account] = max(self.most_at_once[account], self.under_way[account])
        self.most_at_once["all"] = max(self.most_at_once["all"], self.under_way.total())
        if self.looking[about] > 1:
            self.doubled.append(about)
        try:
            await asyncio.sleep(self.pause)
            return self._answer(request, account)
        finally:
            self.under_way[account] -= 1
            self.looking[about] -= 1

    def _answer(self, request: web.Request, account: str) -> web.Response:
        sid = request.match_info.get("sid")
        kind = "list" if sid is None else "end" if request.method == "POST" else "fetch"
        self.asked[kind] += 1
        if self.status != 200 and (not self.of or account in self.of):
            return web.json_response({"code": 20003, "message": "no"}, status=self.status)
        if sid is None:
            return self._list(request, account)
        if sid not in self.calls:
            return web.json_response({"code": 20404, "message": "not found"}, status=404)
        return self._end(sid) if kind == "end" else web.json_response(self.calls[sid])

    def _list(self, request: web.Request, account: str) -> web.Response:
        query = request.query
        found = [c for c in self.calls.values() if c["to"] == query["To"] and c["from"] == query["From"]]
        page = int(query.get("Page", 0))
        begin, end = page * self.page_size, (page + 1) * self.page_size
        following = None
        if end < len(found):
            to, from_ = query["To"].replace("+", "%2B"), query["From"].replace("+", "%2B")
            following = f"/2010-04-01/Accounts/{account}/Calls.json?To={to}&From={from_}&Page={page + 1}"
        return web.json_response({"calls": found[begin:end], "next_page_uri": following})

    def _end(self, sid: str) -> web.Response:
        if self.calls[sid]["status"] in TERMINAL:
            return web.json_response({"code": 21220, "message": "not in-progress"}, status=400)
        self.calls[sid]["status"] = "completed"
        self.hung_up.append(sid)
        return web.json_response(self.calls[sid])


@asynccontextmanager
async def provider_runs() -> AsyncIterator[Provider]:
    """A provider on a port of its own."""
    provider = Provider()
    app = web.Application()
    base = "/2010-04-01/Accounts/{account}/Calls"
    app.router.add_get(base + ".json", provider.handle)
    app.router.add_get(base + "/{sid}.json", provider.handle)
    app.router.add_post(base + "/{sid}.json", provider.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    provider.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield provider
    finally:
        await runner.cleanup()
