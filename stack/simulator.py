"""The control API of the simulator: what it was asked, what it did, and how it is to behave."""

from typing import Any

import aiohttp

from stack.errors import StackError

TIMEOUT = aiohttp.ClientTimeout(total=30)


class Simulator:
    """One running simulator. StackError for every answer above 399."""

    def __init__(self, url: str) -> None:
        self.url = url

    async def ledger(self) -> list[dict[str, Any]]:
        """Every create request and call, oldest first, as the provider knows it."""
        body = await self.ask("GET", "ledger")
        return list(body["entries"] if isinstance(body, dict) else body)

    async def stats(self) -> dict[str, Any]:
        return dict(await self.ask("GET", "stats"))

    async def set_rules(self, rules: list[dict[str, Any]]) -> None:
        """Replace the rules that decide what becomes of calls and requests."""
        await self.ask("PUT", "rules", rules)

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Any request under `/sim/`, for what has no method here."""
        async with (
            aiohttp.ClientSession(timeout=TIMEOUT) as session,
            session.request(method, f"{self.url}/sim/{path}", json=body) as answer,
        ):
            if answer.status >= 400:
                raise StackError(f"the simulator answered {answer.status} to {method} {path}: {await answer.text()}")
            return await answer.json() if answer.content_type.endswith("json") else None
