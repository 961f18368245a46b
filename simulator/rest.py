"""The REST API: who asks, what the rules spoil, and the headers of every answer."""

import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import orjson
from aiohttp import web

from simulator import faults, ids
from simulator.accounts import Account
from simulator.delays import Delays
from simulator.errors import Refusal
from simulator.exchange import Exchange
from simulator.modes import http_error
from simulator.rules import Facts, Op, Rule


@dataclass(slots=True)
class Ask:
    """A request that may act on its account; `rule` spoils it, if there is one."""

    request: web.Request
    request_id: str
    account: Account
    form: dict[str, list[str]]
    rule: Rule | None
    headers: dict[str, str]
    late_answers: Delays


Handler = Callable[[Ask], Awaitable[web.StreamResponse]]


class RestApi:
    """Wraps each operation in authorization, the limit of requests at once, rules and headers."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._under_way: Counter[str] = Counter()

    def serve(
        self, op: Op, handler: Handler, *, reads_accounts: bool = False
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """An aiohttp handler for an operation; `reads_accounts` is closed to API keys."""

        async def answer(request: web.Request) -> web.StreamResponse:
            sid = request.match_info.get("account", "")
            self._under_way[sid] += 1
            began = time.monotonic()
            headers = self._headers(self._under_way[sid])
            try:
                response = await self._answer(request, op, handler, headers, reads_accounts)
            except Refusal as refusal:
                response = faults.refused(refusal)
            finally:
                self._under_way[sid] -= 1
            if not response.prepared:
                headers["Twilio-Request-Duration"] = f"{time.monotonic() - began:.3f}"
                response.headers.update(headers)
            return response

        return answer

    def _headers(self, under_way: int) -> dict[str, str]:
        return {
            "Twilio-Request-Id": "RQ" + ids.hexadecimal(),
            "Twilio-Request-Duration": "0.000",
            "Twilio-Concurrent-Requests": str(under_way),
            "X-Api-Domain": "api.twilio.com",
            "X-Home-Region": "us1",
            "X-Powered-By": "AT-5000",
            "Strict-Transport-Security": "max-age=31536000",
        }

    async def _answer(
        self,
        request: web.Request,
        op: Op,
        handler: Handler,
        headers: dict[str, str],
        reads_accounts: bool,
    ) -> web.StreamResponse:
        exchange = self._exchange
        login = exchange.accounts.login(request.headers.get("Authorization"))
        if login.by_key and reads_accounts:
            raise Refusal(20003)
        sid = request.match_info.get("account", login.account.sid)
        account = exchange.accounts.act_on(login, sid, request.path)
        limit = exchange.settings.rest_limit
        if limit is not None and self._under_way[request.match_info.get("account", "")] > limit:
            raise Refusal(20429)
        form = await read_form(request)
        rule = exchange.rules.fault(_facts(op, account, request, form))
        ask = Ask(request, headers["Twilio-Request-Id"], account, form, rule, headers, exchange.late_answers)
        if op == "create" or rule is None:
            return await handler(ask)
        return await _spoiled(ask, handler, rule)


async def _spoiled(ask: Ask, handler: Handler, rule: Rule) -> web.StreamResponse:
    """Any operation but create under a fault; those that are about calls being made leave it alone."""
    if refusal := faults.refusal_of(rule, ask.request.path):
        raise refusal
    error = http_error(rule.mode, rule.params)
    if rule.mode == "http_429":
        return faults.too_many(rule)
    if rule.mode == "reset_before_accept":
        return faults.abort(ask.request)
    if rule.mode == "hang" and not rule.params.get("accept"):
        return await faults.hang(ask.request)
    if error is not None and not error.accepted:
        return faults.front_error(error)
    response = await handler(ask)
    return await spoil_answer(ask, rule, response)


async def spoil_answer(ask: Ask, rule: Rule, response: web.StreamResponse) -> web.StreamResponse:
    """What the client gets of an operation that was carried out."""
    error = http_error(rule.mode, rule.params)
    match rule.mode:
        case "response_delay":
            await ask.late_answers.wait(float(rule.params.get("seconds", 1.0)))
        case "reset_after_accept":
            return faults.abort(ask.request)
        case "hang":
            return await faults.hang(ask.request)
        case "bad_201" if isinstance(response, web.Response):
            body = response.body if isinstance(response.body, bytes) else b""
            return await faults.bad_body(ask.request, rule.params.get("form", "empty"), body, ask.headers)
        case _ if error is not None:
            return faults.front_error(error)
    return response


async def read_form(request: web.Request) -> dict[str, list[str]]:
    """The form of a POST, every field with all its values; empty values are kept."""
    form: dict[str, list[str]] = {}
    if request.method == "POST":
        text = (await request.read()).decode("utf-8", "replace")
        for name, value in parse_qsl(text, keep_blank_values=True):
            form.setdefault(name, []).append(value)
    return form


def answer_json(content: dict[str, Any], status: int = 200) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(content), content_type="application/json")


def _facts(op: Op, account: Account, request: web.Request, form: dict[str, list[str]]) -> Facts:
    to, from_ = form.get("To", [""])[-1], form.get("From", [""])[-1]
    return Facts(op, account.sid, to or request.query.get("To", ""), from_ or request.query.get("From", ""))
