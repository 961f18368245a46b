"""The other operations: fetch, list, update, delete, Events, Balance and accounts."""

from typing import Any

from aiohttp import web

from simulator import fields
from simulator.answers import (
    account_resource,
    balance_resource,
    call_resource,
    page,
    visible,
)
from simulator.call import Call
from simulator.errors import Refusal
from simulator.exchange import Exchange
from simulator.hangups import update
from simulator.ledger import Attempt
from simulator.listing import Filter, Paging, select
from simulator.rest import Ask, answer_json

EVENTS_FOR = 15 * 60.0


class Operations:
    """Reads and changes of calls that exist."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    async def fetch(self, ask: Ask) -> web.Response:
        return self._shown(self._call(ask))

    async def index(self, ask: Ask) -> web.Response:
        query = ask.request.query
        paging = Paging.read(query)
        rows, token = select(self._exchange.calls, ask.account.sid, Filter.read(query), paging)
        shown = [call_resource(call, self._exchange.settings.mode) for call in rows]
        return self._page("calls", shown, ask, paging, token)

    async def update(self, ask: Ask) -> web.Response:
        call = self._call(ask)
        try:
            await update(self._exchange, call, ask.form)
        finally:
            await self._exchange.journal.durable()
        return self._shown(call)

    async def delete(self, ask: Ask) -> web.Response:
        call = self._call(ask)
        if not call.over:
            raise Refusal(20009)
        self._exchange.delete(call)
        await self._exchange.journal.durable()
        return web.Response(status=204)

    async def events(self, ask: Ask) -> web.Response:
        call = self._call(ask)
        paging = Paging.read(ask.request.query)
        start = paging.number * paging.size
        rows = self._events(call)
        more = str(start + paging.size) if len(rows) > start + paging.size else None
        return self._page("events", rows[start : start + paging.size], ask, paging, more)

    async def balance(self, ask: Ask) -> web.Response:
        return answer_json(balance_resource(ask.account))

    async def account(self, ask: Ask) -> web.Response:
        return answer_json(account_resource(ask.account))

    async def accounts(self, ask: Ask) -> web.Response:
        """The caller's account and its subaccounts."""
        mine = [one for one in self._exchange.accounts if ask.account.sid in (one.sid, one.settings.parent)]
        paging = Paging.read(ask.request.query)
        start = paging.number * paging.size
        rows = [account_resource(one) for one in mine[start : start + paging.size]]
        more = str(start + paging.size) if len(mine) > start + paging.size else None
        return self._page("accounts", rows, ask, paging, more)

    def _call(self, ask: Ask) -> Call:
        call = self._exchange.calls.get(ask.account.sid, ask.request.match_info["call"])
        if call is None or not visible(call):
            raise Refusal(20404, ask.request.path)
        return call

    def _shown(self, call: Call) -> web.Response:
        return answer_json(call_resource(call, self._exchange.settings.mode))

    def _page(self, name: str, rows: list[dict[str, Any]], ask: Ask, paging: Paging, token: str | None) -> web.Response:
        query = list(ask.request.query.items())
        return answer_json(page(name, rows, ask.request.path, query, paging.number, paging.size, token))

    def _events(self, call: Call) -> list[dict[str, Any]]:
        """The requests made about a call; gone fifteen simulated minutes after its end."""
        entry = call.entry
        if entry.outcome is not None:
            since = self._exchange.clock.now() - call.since(entry.outcome, self._exchange.clock)
            if since > EVENTS_FOR:
                return []
        sent = [_callback_event(call, attempt) for attempt in entry.callbacks if attempt.attempt]
        fetched = [
            _event(one.method, one.url, dict(fields.base(call, "in-progress")), one.http_status, one.seconds)
            for one in entry.voice
        ]
        return sent + fetched


def _callback_event(call: Call, attempt: Attempt) -> dict[str, Any]:
    given = dict(fields.progress(call, attempt.call_status, attempt.sequence or 0, attempt.at))
    method = call.create.status_callback_method
    return _event(method, attempt.url, given, attempt.http_status, attempt.seconds)


def _event(method: str, url: str, given: dict[str, str], status: int | None, seconds: float) -> dict[str, Any]:
    return {
        "request": {"method": method, "url": url, "parameters": given},
        "response": {"response_code": status, "request_duration": round(seconds * 1000)},
    }
