"""Creating a call over REST, well or badly.

Rules: the request and its calls are durable in the ledger before any answer leaves; a fault before acceptance makes
no call; one after acceptance makes it exactly as a good answer would.
"""

import asyncio
import time
from typing import Any

import structlog
from aiohttp import web

from simulator import faults
from simulator.answers import call_resource
from simulator.call import Call
from simulator.create import check, token_of
from simulator.errors import Refusal
from simulator.exchange import Exchange
from simulator.logs import masked
from simulator.modes import http_error
from simulator.rest import Ask, answer_json, spoil_answer
from simulator.rules import Rule

LONGEST_FIRST = 30.0

log = structlog.get_logger()


class Creating:
    """The create operation."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    async def create(self, ask: Ask) -> web.StreamResponse:
        rule = ask.rule
        if rule is not None:
            log.info("FAULT", mode=rule.mode, rule=rule.id, to=masked(ask.form.get("To", [""])[-1]))
        try:
            early = self._before(ask, rule) if rule is not None else None
            if early is None:
                check(ask.form, ask.account, allow_remote=self._exchange.settings.allow_remote_callbacks)
                self._refuse_by(rule, ask)
                self._exchange.check_room(ask.account)
        except Refusal as refusal:
            self._note(ask, refusal.status, refusal.code)
            await self._exchange.journal.durable()
            raise
        if early is not None:
            return await self._not_carried_out(ask, early)
        if rule is not None and rule.mode == "create_late":
            return await self._late(ask, rule)
        return await self._carried_out(ask, rule)

    def _before(self, ask: Ask, rule: Rule) -> "str | web.Response | None":
        """What happens instead of the create: an answer, or the name of a silence; raises Refusal."""
        if rule.mode in ("account_suspended", "bad_credentials"):
            self._refuse_by(rule, ask)
        if rule.mode == "http_429":
            return faults.too_many(rule)
        error = http_error(rule.mode, rule.params)
        if error is not None and not error.accepted:
            return faults.front_error(error)
        if rule.mode == "reset_before_accept" or (rule.mode == "hang" and not rule.params.get("accept")):
            return rule.mode
        return None

    def _refuse_by(self, rule: Rule | None, ask: Ask) -> None:
        refusal = faults.refusal_of(rule, ask.form.get("To", [""])[-1]) if rule is not None else None
        if refusal is not None:
            raise refusal

    async def _not_carried_out(self, ask: Ask, early: "str | web.Response") -> web.Response:
        status = early.status if isinstance(early, web.Response) else None
        self._note(ask, status, 20429 if status == 429 else None)
        await self._exchange.journal.durable()
        if isinstance(early, web.Response):
            return early
        return await faults.hang(ask.request) if early == "hang" else faults.abort(ask.request)

    async def _late(self, ask: Ask, rule: Rule) -> web.Response:
        self._note(ask, None, None)
        await self._exchange.journal.durable()
        self._exchange.spawn(self._create_after(ask, float(rule.params.get("seconds", 5.0))))
        return faults.abort(ask.request)

    async def _create_after(self, ask: Ask, seconds: float) -> None:
        await self._exchange.late_creates.wait(seconds)
        self._exchange.begin(self._exchange.place(ask.account, ask.form, ask.request_id))

    async def _carried_out(self, ask: Ask, rule: Rule | None) -> web.StreamResponse:
        exchange = self._exchange
        self._note(ask, _answer_status(rule), None)
        calls = [exchange.place(ask.account, ask.form, ask.request_id)]
        if rule is not None and rule.mode == "two_sids":
            calls.append(exchange.place(ask.account, ask.form, ask.request_id))
        answer = answer_json(call_resource(calls[0], exchange.settings.mode), 201)
        await exchange.journal.durable()
        for call in calls:
            exchange.begin(call)
        await _callback_first(calls[0])
        return answer if rule is None else await spoil_answer(ask, rule, answer)

    def _note(self, ask: Ask, status: int | None, code: int | None) -> None:
        form = ask.form
        line: dict[str, Any] = {
            "kind": "request",
            "request_id": ask.request_id,
            "account": ask.account.sid,
            "to": form.get("To", [""])[-1],
            "from": form.get("From", [""])[-1],
            "token": token_of(form),
            "at": time.time(),
            "mono": time.monotonic(),
            "params": [(name, value) for name, values in form.items() for value in values],
            "mode": ask.rule.mode if ask.rule is not None else None,
            "answer_status": status,
            "answer_code": code,
        }
        self._exchange.journal.append(line)


def _answer_status(rule: Rule | None) -> int | None:
    """The HTTP status that the client will see, None when it will see none."""
    if rule is None:
        return 201
    error = http_error(rule.mode, rule.params)
    if error is not None:
        return error.status
    if rule.mode == "bad_201" and rule.params.get("form") == "html":
        return 200
    return None if rule.mode in ("reset_after_accept", "hang") else 201


async def _callback_first(call: Call) -> None:
    """Hold the answer until the callback that its rule names was delivered."""
    params = call.mode("callback_first")
    if params is None or call.first_delivery is None:
        return
    try:
        await asyncio.wait_for(call.first_delivery.wait(), float(params.get("wait", LONGEST_FIRST)))
    except TimeoutError:
        return
