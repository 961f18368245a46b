"""The control API under `/sim/`: rules, scale, the ledger and counts; for this machine only, without login."""

from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from simulator.exchange import Exchange
from simulator.ledger import LedgerEntry
from simulator.rest import answer_json
from simulator.rules import Rule
from simulator.targets import is_loopback


class Scale(BaseModel):
    """Body of `POST /sim/scale`."""

    model_config = ConfigDict(extra="forbid")

    scale: float = Field(gt=0)


class ForeignCall(BaseModel):
    """Body of `POST /sim/calls`: a call that somebody else makes on an account."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    account: str
    to: str
    from_: str = Field(alias="from")
    params: dict[str, str] = {}


@web.middleware
async def local_only(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Refuse `/sim/` to other machines, and turn bad bodies into 422."""
    if not request.path.startswith("/sim/"):
        return await handler(request)
    if not is_loopback(request.remote):
        return answer_json({"error": "the control API is for this machine only"}, 403)
    try:
        return await handler(request)
    except ValueError as error:
        return answer_json({"error": str(error)}, 422)


class Control:
    """The control API's handlers."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/sim/ledger", self.ledger),
            web.get("/sim/stats", self.stats),
            web.get("/sim/rules", self.rules),
            web.post("/sim/rules", self.add_rules),
            web.delete("/sim/rules", self.remove_rules),
            web.delete("/sim/rules/{rule}", self.remove_rules),
            web.post("/sim/once", self.once),
            web.post("/sim/scale", self.scale),
            web.post("/sim/reset", self.reset),
            web.post("/sim/calls", self.foreign_call),
            web.post("/sim/callbacks/flush", self.flush_callbacks),
            web.post("/sim/creates/flush", self.flush_creates),
            web.post("/sim/answers/flush", self.flush_answers),
        ]

    async def ledger(self, request: web.Request) -> web.Response:
        """Every entry, oldest first, narrowed by `?sid=`, `?token=`, `?to=`, `?account=`."""
        entries = self._exchange.journal.ledger.entries
        wanted = {name: request.query[name] for name in ("sid", "token", "to", "account") if name in request.query}
        shown = [entry.as_dict() for entry in entries if _fits(entry, wanted)]
        return answer_json({"entries": shown, "count": len(shown)})

    async def stats(self, _request: web.Request) -> web.Response:
        exchange = self._exchange
        entries = exchange.journal.ledger.entries
        return answer_json(
            {
                **exchange.tally.as_dict(),
                "requests": sum(not entry.foreign and not entry.twin for entry in entries),
                "foreign_calls": sum(entry.foreign for entry in entries),
                "seed": exchange.seed,
                "scale": exchange.clock.scale,
            }
        )

    async def rules(self, _request: web.Request) -> web.Response:
        shown = [{**rule.model_dump(by_alias=True), "struck": rule.struck} for rule in self._exchange.rules.all()]
        return answer_json({"rules": shown})

    async def add_rules(self, request: web.Request) -> web.Response:
        """One rule or a list of them."""
        content = await _body(request)
        rules = [Rule.model_validate(one) for one in (content if isinstance(content, list) else [content])]
        return answer_json({"ids": [self._exchange.rules.add(rule) for rule in rules]}, 201)

    async def once(self, request: web.Request) -> web.Response:
        """A rule that strikes once, before all others."""
        content = await _body(request)
        rule = Rule.model_validate({**content, "times": 1} if isinstance(content, dict) else content)
        return answer_json({"ids": [self._exchange.rules.add(rule, first=True)]}, 201)

    async def remove_rules(self, request: web.Request) -> web.Response:
        return answer_json({"removed": self._exchange.rules.remove(request.match_info.get("rule"))})

    async def scale(self, request: web.Request) -> web.Response:
        wanted = Scale.model_validate(await _body(request))
        self._exchange.set_scale(wanted.scale)
        return answer_json({"scale": wanted.scale})

    async def reset(self, _request: web.Request) -> web.Response:
        await self._exchange.reset()
        await self._exchange.journal.durable()
        return answer_json({"reset": True})

    async def foreign_call(self, request: web.Request) -> web.Response:
        """Make a call that no request asked for; further form parameters of a create go into `params`."""
        wanted = ForeignCall.model_validate(await _body(request))
        account = self._exchange.accounts.get(wanted.account)
        if account is None:
            return answer_json({"error": f"no account {wanted.account}"}, 404)
        fields = {"To": wanted.to, "From": wanted.from_, "Twiml": "<Response/>", **wanted.params}
        call = self._exchange.place(account, {name: [value] for name, value in fields.items()}, None)
        await self._exchange.journal.durable()
        self._exchange.begin(call)
        return answer_json({"sid": call.sid}, 201)

    async def flush_callbacks(self, _request: web.Request) -> web.Response:
        return answer_json({"flushed": self._exchange.callbacks.delays.flush()})

    async def flush_creates(self, _request: web.Request) -> web.Response:
        return answer_json({"flushed": self._exchange.late_creates.flush()})

    async def flush_answers(self, _request: web.Request) -> web.Response:
        return answer_json({"flushed": self._exchange.late_answers.flush()})


async def _body(request: web.Request) -> Any:
    return orjson.loads(await request.read() or b"{}")


def _fits(entry: LedgerEntry, wanted: dict[str, str]) -> bool:
    return all(getattr(entry, name) == value for name, value in wanted.items())
