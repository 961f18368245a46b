"""The control API of the simulator: what it was asked, what it did, and how it is to behave."""

from typing import Any
from urllib.parse import urlencode

import aiohttp

from stack.errors import StackError

TIMEOUT = aiohttp.ClientTimeout(total=60)


class Simulator:
    """One running simulator. StackError for every answer above 399."""

    def __init__(self, url: str) -> None:
        self.url = url

    async def ledger(self, **only: str) -> list[dict[str, Any]]:
        """Every create request and call, oldest first; narrowed by `sid`, `token`, `to` or `account`."""
        query = f"?{urlencode(only)}" if only else ""
        return list((await self.ask("GET", f"ledger{query}"))["entries"])

    async def stats(self) -> dict[str, Any]:
        return dict(await self.ask("GET", "stats"))

    async def add_rules(self, *rules: dict[str, Any]) -> list[str]:
        """Put rules in force behind those there are; their ids."""
        return list((await self.ask("POST", "rules", list(rules)))["ids"])

    async def once(self, rule: dict[str, Any]) -> None:
        """A rule that strikes once, before all others."""
        await self.ask("POST", "once", rule)

    async def remove_rules(self, rule_id: str | None = None) -> None:
        await self.ask("DELETE", f"rules/{rule_id}" if rule_id else "rules")

    async def set_scale(self, scale: float) -> None:
        """How many simulated seconds pass in one of ours."""
        await self.ask("POST", "scale", {"scale": scale})

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Any request under `/sim/`, for what has no method here."""
        async with (
            aiohttp.ClientSession(timeout=TIMEOUT) as session,
            session.request(method, f"{self.url}/sim/{path}", json=body) as answer,
        ):
            if answer.status >= 400:
                raise StackError(f"the simulator answered {answer.status} to {method} {path}: {await answer.text()}")
            return await answer.json() if answer.content_type.endswith("json") else None
